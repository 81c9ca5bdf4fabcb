"""psql's backslash commands, older versions, freshness, changes with rights, and what Grafana and Metabase ask.

    python3 sql_catalogs.py PG_SERVER

starts PG_SERVER over a lake of its own and prints "N passed, N failed".

Origin of the questions: Grafana, public/app/plugins/datasource/grafana-postgresql-datasource/postgresMetaQuery.ts
(github.com/grafana/grafana); Metabase, src/metabase/driver/postgres.clj (github.com/metabase/metabase): the SQL that its
queries compile to, in words of its own; psql: describe.c of PostgreSQL 15, by psql itself.
"""
import subprocess
import sys
import tempfile

import psycopg
from psycopg import errors

import cases
import sql_server

GRAFANA_PATH = """quote_ident(table_schema) IN (SELECT CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
  FROM generate_series(array_lower(string_to_array(current_setting('search_path'), ','), 1),
    array_upper(string_to_array(current_setting('search_path'), ','), 1)) AS i,
    string_to_array(current_setting('search_path'), ',') s)"""
GRAFANA = {
    "SELECT current_setting('server_version_num')::int/100 as version": [(1500,)],
    "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'": [],
    "SELECT schema_name AS \"name\" FROM information_schema.schemata WHERE schema_name NOT IN ('information_schema', 'pg_catalog') ORDER BY schema_name":
        [("public",), ("w",)],
    "SELECT quote_ident(table_name) AS \"table\" FROM information_schema.tables WHERE quote_ident(table_schema) = 'w' ORDER BY 1":
        [("events",), ("hubs",), ("shipments",)],
    f"""SELECT CASE WHEN {GRAFANA_PATH} THEN quote_ident(table_name) ELSE quote_ident(table_schema) || '.' || quote_ident(table_name) END AS "table"
        FROM information_schema.tables WHERE quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog')
        ORDER BY CASE WHEN {GRAFANA_PATH} THEN 0 ELSE 1 END, 1""": [("w.events",), ("w.hubs",), ("w.shipments",)],
    f"""SELECT quote_ident(column_name) AS "column", data_type AS "type" FROM information_schema.columns
        WHERE CASE WHEN array_length(parse_ident('w.hubs'), 1) = 2
        THEN quote_ident(table_schema) = (parse_ident('w.hubs'))[1] AND quote_ident(table_name) = (parse_ident('w.hubs'))[2]
        ELSE quote_ident(table_name) = 'w.hubs' AND {GRAFANA_PATH} END""": [("hub", "integer"), ("city", "text"), ("country", "text")],
}
METABASE = {
    "show timezone": [("UTC",)],
    """SELECT n.nspname AS schema, c.relname AS name, CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'p' THEN 'PARTITIONED TABLE' WHEN 'v' THEN 'VIEW' END AS type,
        d.description, stat.n_live_tup AS estimated_row_count FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON c.relnamespace = n.oid
        LEFT JOIN pg_catalog.pg_description AS d ON c.oid = d.objoid AND d.objsubid = 0 AND d.classoid = 'pg_class'::regclass
        LEFT JOIN pg_stat_user_tables AS stat ON n.nspname = stat.schemaname AND c.relname = stat.relname
        WHERE c.relnamespace = n.oid AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relkind in ('r', 'p', 'v', 'f', 'm')
        AND n.nspname IN ('w') ORDER BY type, schema, name""":
        [("w", "events", "TABLE", None, 400), ("w", "hubs", "TABLE", "where freight changes hands", 6), ("w", "shipments", "TABLE", None, 200)],
    """SELECT c.column_name AS name, CASE WHEN c.udt_schema IN ('public', 'pg_catalog') THEN FORMAT('%s', c.udt_name) ELSE c.udt_name END AS "database-type",
        c.ordinal_position - 1 AS "database-position", c.table_schema AS "table-schema", pk.column_name IS NOT NULL AS "pk?",
        COL_DESCRIPTION(CAST(CAST(FORMAT('%I.%I', CAST(c.table_schema AS TEXT), CAST(c.table_name AS TEXT)) AS REGCLASS) AS OID), c.ordinal_position) AS "field-comment",
        ((column_default IS NULL) OR (LOWER(column_default) = 'null')) AND (is_nullable = 'NO') AS "database-required"
        FROM information_schema.columns AS c LEFT JOIN (SELECT tc.table_schema, tc.table_name, kc.column_name FROM information_schema.table_constraints AS tc
        JOIN information_schema.key_column_usage AS kc ON tc.constraint_name = kc.constraint_name AND tc.table_schema = kc.table_schema AND tc.table_name = kc.table_name
        WHERE tc.constraint_type = 'PRIMARY KEY') AS pk ON c.table_schema = pk.table_schema AND c.table_name = pk.table_name AND c.column_name = pk.column_name
        WHERE c.table_schema !~ '^information_schema|catalog_history|pg_' AND c.table_name IN ('hubs') ORDER BY 4, 3""":
        [("hub", "int4", 0, "w", True, None, True), ("city", "text", 1, "w", False, None, False), ("country", "text", 2, "w", False, None, False)],
    """SELECT fk_ns.nspname, fk_table.relname, fk_column.attname, pk_ns.nspname, pk_table.relname, pk_column.attname FROM pg_constraint AS c
        JOIN pg_class AS fk_table ON c.conrelid = fk_table.oid JOIN pg_namespace AS fk_ns ON c.connamespace = fk_ns.oid
        JOIN pg_attribute AS fk_column ON c.conrelid = fk_column.attrelid JOIN pg_class AS pk_table ON c.confrelid = pk_table.oid
        JOIN pg_namespace AS pk_ns ON pk_table.relnamespace = pk_ns.oid JOIN pg_attribute AS pk_column ON c.confrelid = pk_column.attrelid
        WHERE fk_ns.nspname !~ '^information_schema|catalog_history|pg_' AND c.contype = 'f'::char AND fk_column.attnum = ANY(c.conkey)
        AND pk_column.attnum = ANY(c.confkey)""": [],
    """SELECT tmp."table-schema", tmp."table-name", TRIM(BOTH '"' FROM pg_catalog.pg_get_indexdef(tmp.ci_oid, tmp.pos, FALSE)) AS "field-name" FROM
        (SELECT n.nspname AS "table-schema", ct.relname AS "table-name", ci.oid AS ci_oid, (information_schema._pg_expandarray(i.indkey)).n AS pos
        FROM pg_catalog.pg_class AS ct JOIN pg_catalog.pg_namespace AS n ON ct.relnamespace = n.oid JOIN pg_catalog.pg_index AS i ON ct.oid = i.indrelid
        JOIN pg_catalog.pg_class AS ci ON ci.oid = i.indexrelid WHERE pg_catalog.pg_get_expr(i.indpred, i.indrelid) IS NULL) AS tmp WHERE tmp.pos = 1""":
        [("w", "hubs", "hub")],
    "SELECT nspname, typname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.oid IN (SELECT DISTINCT enumtypid FROM pg_enum e)": [],
}


def psql(server, *commands):
    words = ["psql", "-X", "-h", "127.0.0.1", "-p", str(server.port), "-U", "tester", "-d", "waybill"]
    done = subprocess.run([*words, *(word for command in commands for word in ("-c", command))], capture_output=True, text=True, timeout=120)
    return done.stdout + done.stderr


def rows_of(server, text, **more):
    with server.connect(**more) as connection:
        return connection.execute(text).fetchall()


def raises(kind, server, text, user="writer"):
    try:
        with server.connect(user=user) as connection:
            connection.execute(text)
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__} of {text}")


# --- psql -----------------------------------------------------------------------------------------


def psql_answers_every_backslash_command(server):
    commands = ["\\d", "\\d+", "\\dt", "\\dt+ w.*", "\\dt *.*", "\\dn", "\\dn+", "\\du", "\\du+", "\\df", "\\df+", "\\l", "\\l+", "\\dv", "\\dv+", "\\di", "\\di+ w.*",
                "\\dT", "\\dT+", "\\conninfo", "\\dp", "\\dp w.*", "\\ds", "\\dm", "\\dE", "\\dx", "\\dD", "\\dC", "\\do", "\\da", "\\db", "\\dd", "\\des", "\\dew",
                "\\det", "\\ddp", "\\dg", "\\dL", "\\dO", "\\dRp", "\\dRs", "\\dX", "\\dy", "\\dconfig", "\\drds", "\\dPt", "\\dA", "\\encoding", "\\z w.hubs", "\\sf nope"]
    wrong = {}
    for command in commands:
        out = psql(server, command)
        if "ERROR" in out and command != "\\sf nope":
            wrong[command] = out[:300]
    assert not wrong, wrong


def psql_describes_a_table_with_key_and_comment(server):
    out = psql(server, "\\d+ w.hubs")
    assert 'Table "w.hubs"' in out and "hub     | integer" in out and "not null" in out and '"hubs_pkey" PRIMARY KEY, btree (hub)' in out, out
    out = psql(server, "\\dt+ w.*")
    assert "w      | hubs      | table" in out and "where freight changes hands" in out, out
    out = psql(server, "\\di w.*")
    assert "hubs_pkey" in out, out


def psql_completes_names(server):
    """What the tab key asks (tab-complete.c), for tables, schemas and columns."""
    for text, want in (
        ("SELECT c.relname FROM pg_catalog.pg_class c WHERE c.relkind IN ('r', 'p') AND (c.relname) LIKE 'hu%' AND pg_catalog.pg_table_is_visible(c.oid)", []),
        ("SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE (n.nspname) LIKE 'w%'", [("w",)]),
        ("SELECT a.attname FROM pg_catalog.pg_attribute a, pg_catalog.pg_class c, pg_catalog.pg_namespace n WHERE c.oid = a.attrelid AND n.oid = c.relnamespace"
         " AND a.attnum > 0 AND NOT a.attisdropped AND a.attname LIKE 'cit%' AND c.relname = 'hubs' AND n.nspname = 'w'", [("city",)]),
    ):
        assert rows_of(server, text) == want, (text, rows_of(server, text))


def oids_are_the_same_for_every_session_and_join(server):
    text = ("SELECT c.oid, a.attrelid, i.indrelid, k.conrelid, d.objoid FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = 1"
            " JOIN pg_index i ON i.indrelid = c.oid JOIN pg_constraint k ON k.conrelid = c.oid JOIN pg_description d ON d.objoid = c.oid WHERE c.oid = 'w.hubs'::regclass")
    first = rows_of(server, text)
    assert len(first) == 1 and len(set(first[0])) == 1, first
    assert rows_of(server, text, options="-c waybill.workload=page") == first


def grafana_is_answered(server):
    for text, want in GRAFANA.items():
        got = rows_of(server, text)
        assert (got if "ORDER BY" in text else sorted(got)) == (want if "ORDER BY" in text else sorted(want)), (got, text)


def metabase_is_answered(server):
    for text, want in METABASE.items():
        assert rows_of(server, text) == want, (text, rows_of(server, text))


# --- versions -------------------------------------------------------------------------------------


def a_table_is_read_as_it_was(server):
    with server.connect(user="writer") as connection:
        connection.execute("CREATE TABLE sandbox.versions AS SELECT 1::int AS n")
        connection.execute("INSERT INTO sandbox.versions VALUES (2), (3)")
        connection.execute("DELETE FROM sandbox.versions WHERE n = 1")
        read = lambda text: connection.execute(text).fetchall()
        assert read("SELECT n FROM sandbox.versions ORDER BY n") == [(2,), (3,)]
        assert read("SELECT n FROM sandbox.versions AT (VERSION => 1)") == [(1,)]
        assert read("SELECT count(*) FROM sandbox.versions AT (VERSION => 2) AS v WHERE v.n > 0") == [(3,)]
        assert read("SELECT old.n FROM sandbox.versions AS old AT (VERSION => 2) LEFT JOIN sandbox.versions new USING (n) WHERE new.n IS NULL") == [(1,)]
        assert read("SELECT count(*) FROM sandbox.versions AT (TIMESTAMP => now())") == [(2,)]
        assert read("SELECT versions.n FROM sandbox.versions AT (VERSION => 1) WHERE versions.n = 1") == [(1,)]
        committed = read("SELECT committed_at FROM waybill_tables() WHERE table_name = 'versions'")[0][0]
        assert read(f"SELECT count(*) FROM sandbox.versions AT (TIMESTAMP => '{committed.isoformat()}')") == [(2,)]
        for _ in range(7):  # and prepared
            assert connection.execute("SELECT n FROM sandbox.versions AT (VERSION => 1) WHERE n = %s", [1]).fetchall() == [(1,)]


def an_unknown_version_names_those_that_there_are(server):
    with server.connect(user="writer") as connection:
        connection.execute("CREATE TABLE sandbox.few AS SELECT 1 AS n")
    for text in ("SELECT * FROM sandbox.few AT (VERSION => 99)", "SELECT * FROM sandbox.few AT (TIMESTAMP => '2001-01-01')"):
        error = raises(psycopg.Error, server, text)
        assert "versions 0 (of 20" in error.diag.message_hint and "to 1 (of" in error.diag.message_hint, (error, error.diag.message_hint)
    for text in ("SELECT * FROM sandbox.few AT (VERSION => 'x')", "SELECT * FROM sandbox.few AT (VERSION => (SELECT count(*) FROM read_text('/etc/passwd')))",
                 "SELECT * FROM nope AT (VERSION => 1)", "SELECT * FROM waybill.lake_versions.\"sandbox.few@0\""):
        raises(psycopg.Error, server, text)


def each_answer_can_tell_what_it_read(server):
    with server.connect() as connection:
        notices = []
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary))
        connection.execute("SELECT count(*) FROM w.hubs, w.events")
        assert connection.execute("SHOW waybill.versions").fetchone()[0] == "w.events@1, w.hubs@1", connection.execute("SHOW waybill.versions").fetchone()
        rows = connection.execute("SELECT table_name, version, committed_at IS NOT NULL FROM waybill_versions() ORDER BY 1").fetchall()
        assert rows == [("w.events", 1, True), ("w.hubs", 1, True)], rows
        assert not notices
        connection.execute("SET waybill.show_versions = on")
        connection.execute("SELECT 1 FROM w.hubs LIMIT 1")
        connection.execute("SELECT 1 FROM w.hubs WHERE hub = %s", [1])
        assert notices == ["read w.hubs@1"] * 2, notices
        rows = connection.execute("SELECT schema_name, table_name, version, rows, model FROM waybill_tables() WHERE schema_name = 'w'").fetchall()
        assert rows == [("w", "events", 1, 400, ""), ("w", "hubs", 1, 6, "models/w.hubs.sql"), ("w", "shipments", 1, 200, "")], rows


# --- changes --------------------------------------------------------------------------------------


def rows_are_changed_by_each_command_in_one_commit(server):
    with server.connect(user="writer") as connection:
        def run(text, values=None):
            return connection.execute(text, values).statusmessage
        assert run("CREATE TABLE sandbox.stock (id int, city text, weight double precision, seen timestamptz)") == "CREATE TABLE"
        assert run("INSERT INTO sandbox.stock VALUES (1, 'Rom', 2.5, now()), (2, 'Ulm', NULL, now())") == "INSERT 0 2"
        assert run("INSERT INTO sandbox.stock (city, id) SELECT city, hub + 10 FROM w.hubs WHERE hub < 3") == "INSERT 0 2"
        assert run("INSERT INTO sandbox.stock (id, city, weight) VALUES (%s, %s, %s)", [5, "it's", 1.5]) == "INSERT 0 1"
        assert run("UPDATE sandbox.stock AS s SET weight = coalesce(s.weight, 0) + 1, city = upper(city) WHERE s.id <= %s", [2]) == "UPDATE 2"
        assert run("DELETE FROM sandbox.stock WHERE id IN (SELECT hub + 10 FROM w.hubs WHERE city = 'Paris')") == "DELETE 1"
        assert run("MERGE INTO sandbox.stock t USING (SELECT hub AS id, city FROM w.hubs) s ON t.id = s.id WHEN MATCHED AND s.city <> 'Paris' THEN UPDATE SET city = s.city"
                   " WHEN MATCHED THEN DELETE WHEN NOT MATCHED AND s.id < 5 THEN INSERT (id, city) VALUES (s.id, s.city)") == "MERGE 5"
        rows = connection.execute("SELECT id, city, weight FROM sandbox.stock ORDER BY id").fetchall()
        assert rows == [(1, "Köln", 3.5), (3, "Lyon", None), (4, "Berlin", None), (5, "Wien", 1.5), (11, "Köln", None)], rows
        assert connection.execute("SELECT version FROM waybill_tables() WHERE table_name = 'stock'").fetchone() == (6,)
        assert run("CREATE TABLE sandbox.copy AS SELECT id, sum(weight) AS w, count(*) AS n FROM sandbox.stock GROUP BY id") == "SELECT 5"
        assert run("CREATE TABLE IF NOT EXISTS sandbox.copy AS SELECT 1 AS id") == "CREATE TABLE AS"
        assert run("DROP TABLE sandbox.copy") == "DROP TABLE" and run("DROP TABLE IF EXISTS sandbox.copy") == "DROP TABLE"
        assert run("CREATE TABLE sandbox.copy AS SELECT 7 AS seven") == "SELECT 1"
        assert connection.execute("SELECT * FROM sandbox.copy").fetchall() == [(7,)]
        connection.execute("DROP TABLE sandbox.copy")
        connection.execute("DROP TABLE sandbox.stock")


def who_may_not_change_is_told_so(server):
    cases = {
        "INSERT INTO w.hubs VALUES (9, 'x', 'y')": ("42501", "models/w.hubs.sql"), "DELETE FROM w.hubs": ("42501", "models/w.hubs.sql"),
        "CREATE TABLE gold.x AS SELECT 1 AS a": ("42501", "schema gold"), "DROP TABLE w.hubs": ("42501", "models/w.hubs.sql"),
        "CREATE TABLE gold.\"X\" AS SELECT 1 AS a": ("42501", "schema gold"), "DELETE FROM sandbox.nope": ("42P01", ""),
        "CREATE TABLE sandbox.\"../../x\" AS SELECT 1 AS a": ("42501", ""), "DROP TABLE w.\"HUBS\"": ("42501", "models/w.hubs.sql"),
        "CREATE TABLE w AS SELECT 1 AS a": ("42501", "that of w."), "CREATE TABLE \"W\" AS SELECT 1 AS a": ("42501", "that of w."),
        "CREATE TABLE IF NOT EXISTS public.w (a int)": ("42501", "that of w."), "CREATE TABLE later AS SELECT 1 AS a": ("42501", "that of later.model"),
        "CREATE TABLE w.\"hubs.x\" AS SELECT 1 AS a": ("42501", "dot"), "CREATE TABLE \"w.hubs\".x AS SELECT 1 AS a": ("42501", "dot"),
        "CREATE TABLE sandbox._delta_log AS SELECT 1 AS a": ("42501", "log"), "CREATE TABLE w.\"LATER\" AS SELECT 1 AS a": ("42501", "models/w.later.sql"),
    }
    for text, (code, part) in cases.items():
        error = raises(psycopg.Error, server, text)
        assert error.sqlstate == code and part in str(error), (text, error.sqlstate, str(error))
    assert raises(psycopg.Error, server, "INSERT INTO w.events VALUES (1)", user="tester").sqlstate == "25006"
    assert rows_of(server, "SELECT count(*) FROM w.hubs") == [(6,)]
    with server.connect(user="writer") as connection:
        connection.execute("CREATE TABLE w2 AS SELECT 1 AS a")  # a neighbour of "w", not in it
        connection.execute("DROP TABLE w2")
        assert rows_of(server, "SELECT count(*) FROM information_schema.tables WHERE table_name = 'w2'") == [(0,)]
        assert "w2" not in str(raises(psycopg.Error, server, "SELECT * FROM w2").diag.message_hint)


def a_session_says_whether_it_only_reads(server):
    for user, want in (("writer", "off"), ("tester", "on")):
        with server.connect(user=user) as connection:
            assert connection.info.parameter_status("default_transaction_read_only") == want, user
            for text in ("SHOW transaction_read_only", "SHOW default_transaction_read_only", "SELECT current_setting('transaction_read_only')"):
                assert connection.execute(text).fetchone() == (want,), (user, text)
            connection.execute("RESET ALL")
            assert connection.execute("SHOW transaction_read_only").fetchone() == (want,), user


def wrong_changes_name_what_is_wrong_and_change_nothing(server):
    with server.connect(user="writer") as connection:
        connection.execute("CREATE TABLE sandbox.strict AS SELECT 1::int AS n, 'a' AS t")
    cases = {
        "INSERT INTO sandbox.strict VALUES ('x', 'y')": "22P02", "INSERT INTO sandbox.strict VALUES (1, 'a', 2)": "42601",
        "INSERT INTO sandbox.strict (nope) VALUES (1)": "42703", "UPDATE sandbox.strict SET nope = 1": "42703", "UPDATE sandbox.strict SET n = nope": "42703",
        "UPDATE sandbox.strict SET": "42601", "DELETE FROM sandbox.strict WHERE": "42601", "INSERT INTO sandbox.strict VALUES (1, 'a') RETURNING n": "0A000",
        "UPDATE sandbox.strict SET n = (SELECT length(content) FROM read_text('/etc/passwd'))": "42501",
        "INSERT INTO sandbox.strict SELECT 1, content FROM read_text('/etc/passwd')": "42501",
        "DELETE FROM sandbox.strict WHERE n = (SELECT count(*) FROM '/etc/passwd')": "42501",
        "MERGE INTO sandbox.strict t USING (SELECT 1 AS n UNION ALL SELECT 1) s ON t.n = s.n WHEN MATCHED THEN UPDATE SET t = 'x'": "21000",
        "MERGE INTO sandbox.strict t USING read_text('/etc/passwd') s ON true WHEN MATCHED THEN DELETE": "42601",
        "CREATE TABLE sandbox.strict (n int)": "42P07", "CREATE VIEW sandbox.v AS SELECT 1": "0A000", "UPDATE sandbox.strict SET n = n / 0": "22012",
        "INSERT INTO sandbox.strict SELECT * FROM sandbox.strict; DROP TABLE w.hubs": "42501",
    }
    for text, code in cases.items():
        error = raises(psycopg.Error, server, text)
        assert error.sqlstate == code, (text, error.sqlstate, str(error))
    # The first of two statements was committed, the second refused.
    assert rows_of(server, "SELECT n, t FROM sandbox.strict") == [(1, "a"), (1, "a")]


def a_change_is_no_part_of_a_transaction(server):
    with server.connect(user="writer", autocommit=False) as connection:
        try:
            connection.execute("CREATE TABLE sandbox.inside AS SELECT 1 AS n")
        except errors.ActiveSqlTransaction as error:
            assert "autocommit" in error.diag.message_hint, error
        else:
            raise AssertionError("a transaction took it")


def a_change_comes_into_no_transaction_by_another_way(server):
    with server.connect(user="writer") as connection:
        connection.execute("CREATE TABLE sandbox.outside AS SELECT 1::int AS n")
        connection.execute("INSERT INTO sandbox.outside VALUES (%s)", [2], prepare=True)
        # Parsed while no transaction was open, and now named again: Bind and Execute alone.
        connection.execute("BEGIN")
        try:
            connection.execute("INSERT INTO sandbox.outside VALUES (%s)", [3], prepare=True)
        except errors.ActiveSqlTransaction:
            connection.execute("ROLLBACK")
        else:
            raise AssertionError("a transaction took it")
        for text in ("COPY (INSERT INTO sandbox.outside VALUES (4)) TO STDOUT", "COPY (DELETE FROM sandbox.outside) TO STDOUT (FORMAT csv)",
                     "DECLARE c CURSOR WITH HOLD FOR DELETE FROM sandbox.outside", "DECLARE c CURSOR FOR INSERT INTO sandbox.outside VALUES (5)"):
            for begin in ("", "BEGIN; "):
                try:
                    connection.execute(begin + text)
                except errors.FeatureNotSupported as error:
                    assert "of its own" in error.diag.message_hint, error
                else:
                    raise AssertionError(text)
                connection.execute("ROLLBACK")
    assert sorted(rows_of(server, "SELECT n FROM sandbox.outside")) == [(1,), (2,)]


def main():
    with tempfile.TemporaryDirectory() as lake:
        server = sql_server.Waybill(sys.argv[1], lake)
        status = cases.run(cases.taking("server", globals(), but=("psql", "rows_of")), server, only=sys.argv[2:])
        server.stop()
    return status


if __name__ == "__main__":
    sys.exit(main())
