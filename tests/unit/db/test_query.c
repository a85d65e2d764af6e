/* Queries: statements by address, clauses, rows, mistakes. */
#include "core/base/json.h"
#include "tests/unit/db/query_fixture.h"

START_TEST(clauses_are_chosen_by_the_mask_and_bound_anew)
{
    put("a"), put("b"), put("c");
    static const struct {
        uint32_t mask;
        const char *name;
        int64_t above;
        int expected;
    } CASES[] = {{0, "", 0, 3},     {BY_NAME, "b", 0, 1},         {BY_NAME, "c", 0, 1}, {BY_NAME, "zz", 0, 0},
                 {ABOVE, "", 1, 2}, {BY_NAME | ABOVE, "a", 1, 0}, {0, "", 0, 3}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        sw_rows *rows = NULL;
        int n = 0;
        ck_assert_int_eq(
            sw_db_query(db, &TABLE[FIND], CASES[i].mask, &rows, "sii", CASES[i].name, CASES[i].above, (int64_t)10),
            SW_OK);
        while (sw_rows_next(rows))
            n++;
        ck_assert_int_eq(n, CASES[i].expected);
        ck_assert_int_eq(sw_rows_done(rows), SW_OK);
    }
}
END_TEST

START_TEST(more_variants_than_are_kept_work)
{
    put("a");
    for (int round = 0; round < 2; round++) {
        for (uint32_t mask = 0; mask < 128; mask++) {
            sw_rows *rows = NULL;
            ck_assert_int_eq(sw_db_query(db, &TABLE[MANY], mask, &rows, ""), SW_OK);
            ck_assert(sw_rows_next(rows));
            ck_assert_int_eq(sw_rows_int(rows, 0), 1);
            ck_assert_int_eq(sw_rows_done(rows), SW_OK);
        }
    }
}
END_TEST

START_TEST(a_running_statement_can_be_asked_again)
{
    put("a"), put("b"), put("c");
    sw_rows *outer = NULL;
    int pairs = 0;
    ck_assert_int_eq(sw_db_query(db, &TABLE[FIND], 0, &outer, "sii", "", (int64_t)0, (int64_t)10), SW_OK);
    while (sw_rows_next(outer)) {
        sw_rows *inner = NULL;
        int64_t id = sw_rows_int(outer, 0);
        ck_assert_int_eq(sw_db_query(db, &TABLE[FIND], ABOVE, &inner, "sii", "", id, (int64_t)10), SW_OK);
        sw_rows *same = NULL;
        ck_assert_int_eq(sw_db_query(db, &TABLE[FIND], 0, &same, "sii", "", (int64_t)0, (int64_t)10), SW_OK);
        while (sw_rows_next(inner))
            pairs++;
        ck_assert(sw_rows_next(same));
        ck_assert_int_eq(sw_rows_int(same, 0), 1);
        ck_assert_int_eq(sw_rows_done(same), SW_OK);
        ck_assert_int_eq(sw_rows_done(inner), SW_OK);
        ck_assert_int_eq(sw_rows_int(outer, 0), id);
    }
    ck_assert_int_eq(sw_rows_done(outer), SW_OK);
    ck_assert_int_eq(pairs, 3);
}
END_TEST

START_TEST(queries_left_open_are_ended_when_the_connection_is_returned)
{
    put("a"), put("b");
    for (int i = 0; i < 200; i++) {
        sw_rows *rows = NULL;
        ck_assert_int_eq(sw_db_query(reader, &TABLE[FIND], 0, &rows, "sii", "", (int64_t)0, (int64_t)10), SW_OK);
        ck_assert(sw_rows_next(rows));
        ck_assert_int_eq(db_return(reader), SW_OK);
        db_lend(reader, &reader_memory, 0);
    }
    for (sqlite3_stmt *stmt = NULL; (stmt = sqlite3_next_stmt(db_raw(reader), stmt)) != NULL;)
        ck_assert(!sqlite3_stmt_busy(stmt));
}
END_TEST

START_TEST(too_many_open_at_once_is_an_error_and_not_a_leak)
{
    put("a");
    sw_status status = SW_OK;
    int n = 0;
    for (; n < 1000 && status == SW_OK; n++) {
        sw_rows *rows = NULL;
        status = sw_db_query(reader, &TABLE[FIND], 0, &rows, "sii", "", (int64_t)0, (int64_t)10);
    }
    ck_assert_int_eq(status, SW_INTERNAL);
    ck_assert_int_eq(n, 65);
    ck_assert_int_eq(db_return(reader), SW_OK);
    db_lend(reader, &reader_memory, 0);
    ck_assert_int_eq(count(reader), 1);
}
END_TEST

START_TEST(arguments_may_vanish_while_rows_are_read)
{
    put("first"), put("second");
    sw_rows *rows = NULL;
    char name[16] = "first";
    ck_assert_int_eq(sw_db_query(reader, &TABLE[FIND], BY_NAME, &rows, "sii", name, (int64_t)0, (int64_t)10), SW_OK);
    memset(name, 'x', sizeof name);
    ck_assert(sw_rows_next(rows));
    ck_assert_str_eq(sw_rows_text(rows, 1), "first");
    ck_assert(!sw_rows_next(rows));
    ck_assert_int_eq(sw_rows_done(rows), SW_OK);
}
END_TEST

START_TEST(values_come_back_as_they_went_in)
{
    ck_assert_int_eq(sw_db_query(db, &TABLE[PUT], 0, NULL, "tbd", "a\0b", (size_t)3, "\0\1\2", (size_t)3, 0.5), SW_OK);
    ck_assert_int_eq(db_changes(db), 1);
    ck_assert_int_eq(sw_db_query(db, &TABLE[PUT], 0, NULL, "sbn", NULL, "", (size_t)0), SW_OK);
    ck_assert_int_eq(db_last_id(db), 2);
    sw_rows *rows = NULL;
    ck_assert_int_eq(sw_db_query(db, &TABLE[FIND], 0, &rows, "sii", "", (int64_t)0, (int64_t)10), SW_OK);
    ck_assert_int_eq(sw_rows_int(rows, 0), 0); /* no row yet */
    ck_assert(sw_rows_next(rows));
    sw_str view = sw_rows_view(rows, 1);
    ck_assert_int_eq((int)view.len, 3);
    ck_assert_mem_eq(view.at, "a\0b", 3);
    ck_assert(sw_rows_next(rows));
    ck_assert(sw_rows_null(rows, 1));
    ck_assert_str_eq(sw_rows_text(rows, 1), "");
    ck_assert_ptr_null(sw_rows_view(rows, 1).at);
    ck_assert(!sw_rows_next(rows));
    ck_assert(!sw_rows_next(rows));
    ck_assert_str_eq(sw_rows_text(rows, 1), "");
    ck_assert_int_eq(sw_rows_done(rows), SW_OK);
    ck_assert_int_eq(sw_rows_done(rows), SW_OK);
    ck_assert_int_eq(sw_rows_done(NULL), SW_OK);
}
END_TEST

START_TEST(columns_go_straight_into_json)
{
    put("say \"hi\"");
    ck_assert_int_eq(sw_db_query(db, &TABLE[PUT], 0, NULL, "nnn"), SW_OK);
    sw_json j;
    json_init(&j, 0);
    sw_json_array_begin(&j, NULL);
    sw_rows *rows = NULL;
    ck_assert_int_eq(sw_db_query(db, &TABLE[FIND], 0, &rows, "sii", "", (int64_t)0, (int64_t)10), SW_OK);
    while (sw_rows_next(rows)) {
        sw_json_object_begin(&j, NULL);
        sw_json_int(&j, "id", sw_rows_int(rows, 0));
        sw_json_column(&j, "name", rows, 1);
        sw_json_object_end(&j);
    }
    ck_assert_int_eq(sw_rows_done(rows), SW_OK);
    sw_json_array_end(&j);
    ck_assert_str_eq(sw_json_str(&j).at, "[{\"id\":1,\"name\":\"say \\\"hi\\\"\"},{\"id\":2}]");
    json_done(&j);
}
END_TEST

START_TEST(broken_rules_are_conflicts_that_name_the_column)
{
    ck_assert_int_eq(put("a"), SW_OK);
    ck_assert_int_eq(put("a"), SW_CONFLICT);
    ck_assert_str_eq(sw_db_conflict(db), "things.name");
    sw_rows *rows = NULL;
    ck_assert_int_eq(sw_db_query(db, &TABLE[PUT_BACK], 0, &rows, "s", "a"), SW_CONFLICT);
    ck_assert_ptr_null(rows);
    ck_assert_int_eq(sw_db_query(db, &TABLE[CHILD], 0, NULL, "i", (int64_t)77), SW_CONFLICT);
    ck_assert_int_eq(count(db), 1);
}
END_TEST

START_TEST(returned_rows_may_be_left_unread)
{
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        sw_rows *rows = NULL;
        ck_assert_int_eq(sw_db_query(db, &TABLE[PUT_BACK], 0, &rows, "s", name), SW_OK);
        ck_assert(sw_rows_next(rows));
        ck_assert_str_eq(sw_rows_text(rows, 1), name);
        ck_assert_int_eq(sw_rows_done(rows), SW_OK);
    }
    ck_assert_int_eq(count(db), 100);
    sw_rows *rows = NULL; /* a foreign key is only checked at the end of the statement */
    sw_status status = sw_db_query(db, &TABLE[CHILD_BACK], 0, &rows, "i", (int64_t)-5);
    if (status == SW_OK)
        status = db_return(db);
    ck_assert_int_eq(status, SW_CONFLICT);
    db_lend(db, &memory, 0);
}
END_TEST

START_TEST(mistakes_are_internal_errors)
{
    static const sw_statement STRANGER = {"stranger", "SELECT 1", NULL};
    sw_rows *rows = NULL;
    ck_assert_int_eq(sw_db_query(db, &STRANGER, 0, &rows, ""), SW_INTERNAL);
    ck_assert_int_eq(sw_db_query(db, &TABLE[FIND], 4, &rows, "sii", "", (int64_t)0, (int64_t)1), SW_INTERNAL);
    ck_assert_int_eq(sw_db_query(db, &TABLE[COUNT], 1, &rows, ""), SW_INTERNAL);
    ck_assert_int_eq(sw_db_query(db, &TABLE[FIND], 0, &rows, "s", ""), SW_INTERNAL);
    ck_assert_int_eq(sw_db_query(db, &TABLE[WRONG], 0, &rows, ""), SW_INTERNAL);
    ck_assert_int_eq(sw_db_query(db, &TABLE[TWO], 0, &rows, ""), SW_INTERNAL);
    ck_assert_int_eq(sw_db_query(reader, &TABLE[PUT], 0, NULL, "snn", "x"), SW_INTERNAL);
    ck_assert_ptr_null(rows);
}
END_TEST

START_TEST(a_statement_may_not_end_the_transaction)
{
    ck_assert_int_eq(db_exec(db, "BEGIN IMMEDIATE"), SW_OK);
    ck_assert_int_ne(sw_db_query(db, &TABLE[COMMITS], 0, NULL, ""), SW_OK);
    ck_assert(!db_autocommit(db));
    ck_assert_int_eq(db_exec(db, "ROLLBACK"), SW_OK);
}
END_TEST

/* As many letters as make every outcome likely, at both sides of the width at which places are looked at together. */
START_TEST(texts_are_searched_as_by_instr_of_the_lower_text)
{
    static const char ASK[] = "SELECT sw_text_holds(?1, ?2), ifnull(instr(lower(?1), ?2) > 0, 0)",
                      LETTERS[] = "abAB@`{[\xc3\xa4\xe4\xb8\xad";
    sqlite3_stmt *stmt = NULL;
    unsigned held = 0, state = 1;
    ck_assert_int_eq(sqlite3_prepare_v2(db_raw(db), ASK, -1, &stmt, NULL), SQLITE_OK);
    for (int round = 0; round < 20000; round++) {
        char text[80], part[8];
        int size = (int)((state = state * 1103515245u + 12345u) >> 16) % 80, len = round % 5;
        for (int i = 0; i < size; i++)
            text[i] = LETTERS[((state = state * 1103515245u + 12345u) >> 16) % (round % 2 ? 4 : sizeof LETTERS - 1)];
        for (int i = 0; i < len; i++)
            part[i] = "ab@`{["[((state = state * 1103515245u + 12345u) >> 16) % (round % 2 ? 2 : 6)];
        sqlite3_bind_text(stmt, 1, text, size, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 2, part, len, SQLITE_STATIC);
        ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
        ck_assert_int_eq(sqlite3_column_int(stmt, 0), sqlite3_column_int(stmt, 1));
        held += (unsigned)sqlite3_column_int(stmt, 0);
        sqlite3_reset(stmt);
    }
    ck_assert_uint_gt(held, 2000);
    sqlite3_bind_null(stmt, 1);
    ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
    ck_assert_int_eq(sqlite3_column_int(stmt, 0), 0);
    sqlite3_finalize(stmt);
}
END_TEST

static void add(TCase *tests)
{
    tcase_add_checked_fixture(tests, setup, teardown);
    ADD(clauses_are_chosen_by_the_mask_and_bound_anew);
    ADD(more_variants_than_are_kept_work);
    ADD(a_running_statement_can_be_asked_again);
    ADD(queries_left_open_are_ended_when_the_connection_is_returned);
    ADD(too_many_open_at_once_is_an_error_and_not_a_leak);
    ADD(arguments_may_vanish_while_rows_are_read);
    ADD(values_come_back_as_they_went_in);
    ADD(columns_go_straight_into_json);
    ADD(broken_rules_are_conflicts_that_name_the_column);
    ADD(returned_rows_may_be_left_unread);
    ADD(mistakes_are_internal_errors);
    ADD(a_statement_may_not_end_the_transaction);
    ADD(texts_are_searched_as_by_instr_of_the_lower_text);
}

int main(void)
{
    return run_tests("query", add);
}
