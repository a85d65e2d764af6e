/* The reader of events: any JSON makes an event of whole texts, or none; and what stands in an address. */
#include "core/base/json.h"
#include "core/common/utf8.h"
#include "plugins/integrations/feishu/in/feishu_event.h"
#include "plugins/integrations/feishu/link/link_config.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

static void check_text(const char *text)
{
    must(text != NULL && utf8_valid(text, strlen(text)));
}

static void check_event(const sw_value *root, const sw_value *content, const char *bot)
{
    event e;

    must(event_read(&e, root, content, bot));
    check_text(e.type);
    check_text(e.event_id);
    check_text(e.token);
    check_text(e.chat_id);
    check_text(e.message_id);
    check_text(e.text);
    check_text(e.name);
    check_text(e.action);
    check_text(e.action_id);
    check_text(event_person_id(&e.person));
    must(!e.from_self || *bot);
    event_done(&e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const sw_value *root = json_read((const char *)data, size, 64);
    size_t len = 0;
    const char *content = event_content(root, &len);
    const sw_value *parsed = content ? json_read(content, len, 64) : NULL;
    char address[ADDRESS_MAX], *url = malloc(size + 1);

    if (root) {
        check_event(root, parsed, "");
        check_event(root, parsed, "ou_bot");
    }
    json_read_free(parsed);
    json_read_free(root);
    must(url != NULL);
    memcpy(url, data, size);
    url[size] = '\0';
    address_base(url, address);
    must(strncmp(address, "https://", 8) == 0 || strncmp(address, "http://", 7) == 0);
    address_host(url, address);
    (void)address_service(url);
    free(url);
    return 0;
}
