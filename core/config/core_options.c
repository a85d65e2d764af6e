/* The options of the core: the one place that says which there are. The parser, `steward check`, the annotated
 * config/steward.conf and the manual are made from these tables.
 *
 * A summary is what somebody reads who looks for the right value: what the option does, and when to change it. */
#include "core/config/core_limits.h"

static const sw_option SERVER[] = {
    {.name = "host",
     .type = SW_OPTION_STRING,
     .default_value = "127.0.0.1",
     .env = "SERVER_HOST",
     .min = 1, /* nothing is no address; "" would be every one */
     .summary = "Address to listen on; 0.0.0.0 or :: for every one, when clients come from other machines."},
    {.name = "port",
     .type = SW_OPTION_INT,
     .default_value = "8080",
     .max = 65535,
     .env = "SERVER_PORT",
     .summary = "Port to listen on; 0 takes a free one and prints it."},
    {.name = "env",
     .type = SW_OPTION_ENUM,
     .default_value = "production",
     .choices = "production|development",
     .env = "APP_ENV",
     .summary =
         "development lets plugins for testing load, which offer raw tokens and a reset; never use it where others "
         "can connect."},
    {.name = "loops",
     .type = SW_OPTION_INT,
     .default_value = "0",
     .max = 256,
     .summary = "Threads that run event loops; 0 for one per core."},
    {.name = "workers",
     .type = SW_OPTION_INT,
     .default_value = "0",
     .max = 1024,
     .summary = "Threads that run requests and read the database; 0 for two per core."},
    {.name = "hash_workers",
     .type = SW_OPTION_INT,
     .default_value = "0",
     .max = 256,
     .summary = "Threads that hash passwords, at low priority; 0 for half of the cores."},
    {.name = "slow_workers",
     .type = SW_OPTION_INT,
     .default_value = "4",
     .min = 1,
     .max = 256,
     .summary = "Threads for work that waits on other machines; one plugin gets at most half of them."},
    {.name = "trusted_proxies",
     .type = SW_OPTION_LIST,
     .default_value = "",
     .summary =
         "Addresses and networks (10.0.0.0/8) of reverse proxies whose X-Forwarded-For and X-Forwarded-Proto are "
         "believed; set it when a proxy stands in front, or its address counts as that of every client."},
    {.name = "data_dir",
     .type = SW_OPTION_STRING,
     .default_value = "",
     .summary = "Folder of the database, the keys and the lock; empty for $STATE_DIRECTORY, else ./data."},
    {.name = "metrics_port",
     .type = SW_OPTION_INT,
     .default_value = "0",
     .max = 65535,
     .summary =
         "Port of 127.0.0.1 where a collector on this machine gets /metrics without a token; 0: nowhere, and /metrics "
         "is for administrators alone."},
    {.name = "shutdown_timeout",
     .type = SW_OPTION_DURATION,
     .default_value = "10s",
     .min = 0,
     .max = 10 * MINUTE,
     .summary = "How long a stop waits for running requests and for sockets to take what they are owed."},
    {.name = "backlog",
     .type = SW_OPTION_INT,
     .default_value = "4096",
     .min = 1,
     .max = 65535,
     .summary = "Connections that may wait to be accepted; the system's somaxconn bounds it too."},
};

static const sw_option STORAGE[] = {
    {.name = "path",
     .type = SW_OPTION_STRING,
     .default_value = "",
     .env = "DB_PATH",
     .summary = "File of the database; empty for steward.db in the data folder. Not on a network file system."},
    {.name = "synchronous",
     .type = SW_OPTION_ENUM,
     .default_value = "full",
     .choices = "full|normal",
     .summary =
         "full: what was answered survives a power cut; normal: faster on slow disks, and the last moments before "
         "a power cut may be lost (never by a crash of the server)."},
    {.name = "cache",
     .type = SW_OPTION_SIZE,
     .default_value = "128M",
     .min = 2 * MIB,
     .max = 64 * GIB,
     .summary = "Memory for pages of the database, shared out over all connections."},
    {.name = "wal_limit",
     .type = SW_OPTION_SIZE,
     .default_value = "256M",
     .min = MIB,
     .max = 64 * GIB,
     .summary = "Size of the write-ahead log above which writing pauses until it has been folded into the database."},
    {.name = "batch_max",
     .type = SW_OPTION_INT,
     .default_value = "512",
     .min = 1,
     .max = 10000,
     .summary =
         "Write steps that share one commit at most; more is faster under load, and slower for the first of a batch."},
    {.name = "queue",
     .type = SW_OPTION_INT,
     .default_value = "4096",
     .min = 1,
     .max = 1000000,
     .summary = "Write steps that may wait for the writer; beyond that clients get 503."},
    {.name = "backups_kept",
     .type = SW_OPTION_INT,
     .default_value = "10",
     .max = 100000,
     .summary =
         "How many backups of \"steward db backup\" stay in backups in the data folder, the latest ones; 0 for all."},
};

static const sw_option AUTH[] = {
    {.name = "jwt_secret",
     .type = SW_OPTION_SECRET,
     .default_value = "",
     .min = 32,
     .env = "JWT_SECRET",
     .summary =
         "Key that signs login tokens, 32 bytes or more (openssl rand -base64 32 makes one); empty for jwt.secret in "
         "the data folder, made at the first start. Changing it signs everybody out."},
    {.name = "token_lifetime",
     .type = SW_OPTION_DURATION,
     .default_value = "24h",
     .min = SECOND,
     .max = 365 * DAY,
     .env = "JWT_TOKEN_EXPIRATION",
     .summary = "How long a login token is valid."},
    {.name = "password_method",
     .type = SW_OPTION_ENUM,
     .default_value = "bcrypt",
     .choices = "bcrypt|yescrypt",
     .summary =
         "How new passwords are hashed; others go on to work, and are hashed anew at the next login when the method "
         "or the cost has become stronger."},
    {.name = "bcrypt_cost",
     .type = SW_OPTION_INT,
     .default_value = "12",
     .min = 4,
     .max = 15,
     .env = "BCRYPT_COST",
     .summary = "Cost of bcrypt: each step doubles the work of a login and of an attacker; below 10 only for tests."},
    {.name = "initial_admin_user",
     .type = SW_OPTION_STRING,
     .default_value = "admin",
     .min = 1,
     .max = 64,
     .env = "INITIAL_ADMIN_USER",
     .summary = "Name of the administrator that an empty database gets: letters, digits, _ . and -."},
    {.name = "initial_admin_pass",
     .type = SW_OPTION_SECRET,
     .default_value = "",
     .min = 1,
     .max = 128,
     .env = "INITIAL_ADMIN_PASS",
     .summary =
         "Password of that administrator; empty: one is made at the first start, and shown on the terminal or put "
         "into initial-admin-password in the data folder until the first login."},
    {.name = "master_key_file",
     .type = SW_OPTION_STRING,
     .default_value = "",
     .env = "STEWARD_MASTER_KEY_FILE",
     .summary =
         "File of the 32 bytes that protect tokens and connector secrets in the database; empty for master.key in "
         "the data folder, made at the first start. Keep a copy: without it they are lost."},
};

static const sw_option CORS[] = {
    {.name = "allowed_origins",
     .type = SW_OPTION_LIST,
     .env = "CORS_ALLOWED_ORIGINS",
     .default_value = "http://localhost:3000, http://localhost:5173",
     .flags = SW_OPTION_LIVE,
     .summary = "Origins of web pages that may use the API and open WebSockets; * for every one."},
    {.name = "allowed_methods",
     .type = SW_OPTION_LIST,
     .env = "CORS_ALLOWED_METHODS",
     .default_value = "GET, POST, PUT, PATCH, DELETE, OPTIONS",
     .flags = SW_OPTION_LIVE,
     .summary = "Methods that such pages may use."},
    {.name = "allowed_headers",
     .type = SW_OPTION_LIST,
     .env = "CORS_ALLOWED_HEADERS",
     .default_value = "Origin, Content-Type, Authorization, X-Request-Id, Idempotency-Key",
     .flags = SW_OPTION_LIVE,
     .summary = "Request headers that such pages may send."},
    {.name = "max_age",
     .type = SW_OPTION_DURATION,
     .default_value = "12h",
     .max = 7 * DAY,
     .env = "CORS_MAX_AGE",
     .flags = SW_OPTION_LIVE,
     .summary = "How long a browser may keep the answer to a preflight."},
    {.name = "credentials",
     .type = SW_OPTION_BOOL,
     .default_value = "true",
     .flags = SW_OPTION_LIVE,
     .summary = "Whether browsers may send cookies and Authorization of their own accord from those pages."},
};

static const sw_option LOG[] = {
    {.name = "level",
     .type = SW_OPTION_ENUM,
     .default_value = "info",
     .choices = "error|warn|info|debug",
     .flags = SW_OPTION_LIVE,
     .summary = "The least important lines that are written; debug while you look for something."},
    {.name = "format",
     .type = SW_OPTION_ENUM,
     .default_value = "text",
     .choices = "text|json",
     .summary = "text for people, json (one object a line) for collectors."},
    {.name = "file",
     .type = SW_OPTION_STRING,
     .default_value = "",
     .summary =
         "File to append to, opened anew at SIGHUP; empty for standard error, which systemd keeps in the journal."},
    {.name = "access",
     .type = SW_OPTION_BOOL,
     .default_value = "true",
     .summary = "Whether there is a line for each request."},
};

static const sw_option PLUGINS[] = {
    {.name = "enabled",
     .type = SW_OPTION_LIST,
     .default_value = "auth, users, messages, chat, feishu, dev-mock",
     .summary = "Plugins to start; those for tests refuse by themselves in production."},
    {.name = "dir",
     .type = SW_OPTION_STRING,
     .default_value = "",
     .summary = "Folder of the plugins; empty for lib/steward/plugins beside the server's own tree, else where it was "
                "built to be installed."},
    {.name = "required",
     .type = SW_OPTION_LIST,
     .default_value = "",
     .summary =
         "Plugins without which the server shall not start; others that fail are put aside, and the rest runs on."},
    {.name = "crash_limit",
     .type = SW_OPTION_INT,
     .default_value = "3",
     .max = 100,
     .summary =
         "A plugin that crashed the server so often within crash_window is not started, and the rest runs on; 0 to "
         "start it whatever it did."},
    {.name = "crash_window",
     .type = SW_OPTION_DURATION,
     .default_value = "10m",
     .min = SECOND,
     .max = 30 * DAY,
     .summary = "How long a crash counts; with the next start after that the plugin is tried again."},
};

static const sw_option OUTBOUND[] = {
    {.name = "ca_file",
     .type = SW_OPTION_STRING,
     .default_value = "",
     .summary =
         "Certificates of authorities (PEM) to trust besides the system's, when plugins talk to machines of your "
         "own."},
    {.name = "proxy",
     .type = SW_OPTION_STRING,
     .default_value = "",
     .summary = "HTTP proxy for plugins' requests to other machines, http://host:port; empty for what the environment "
                "says (HTTPS_PROXY)."},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

const config_section CORE_SECTIONS[] = {
    {"server", SERVER, COUNT(SERVER), "Where the server listens, its threads and its data."},
    {"storage", STORAGE, COUNT(STORAGE), "The database."},
    {"auth", AUTH, COUNT(AUTH), "Logins, passwords and keys."},
    {"cors", CORS, COUNT(CORS), "Web pages of other origins."},
    {"limits", LIMITS, COUNT(LIMITS), "Bounds on what clients may use."},
    {"ws", WS, COUNT(WS), "WebSockets, at /api/ws."},
    {"outbound", OUTBOUND, COUNT(OUTBOUND), "How plugins reach other machines."},
    {"log", LOG, COUNT(LOG), "The log. Secrets and tokens are never in it."},
    {"plugins", PLUGINS, COUNT(PLUGINS), "Which plugins run. The options of each stand in [plugin:NAME]."},
};
const size_t CORE_SECTION_COUNT = COUNT(CORE_SECTIONS);
