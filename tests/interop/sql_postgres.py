"""The same statements over the same rows on PostgreSQL 15 and on Waybill: equal columns, type OIDs, values and SQLSTATEs.

    python3 sql_postgres.py PG_SERVER [TEXT]

Statements: sql_statements.txt. Those that differ are in sql_differences.txt with the reason; one that is listed there and
does not differ any more fails, so that the list stays true. Prints "N passed, N failed". TEXT runs those that contain it.
"""
import os
import sys
import tempfile

import psycopg

import sql_server

FOLDER = os.path.dirname(os.path.abspath(__file__))


def statements():
    with open(f"{FOLDER}/sql_statements.txt", encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file if line.strip() and not line.startswith(("--", "#"))]


def differences():
    """The reason of each statement: lines "# reason", and the statements that it is for below."""
    reasons, reason = {}, ""
    with open(f"{FOLDER}/sql_differences.txt", encoding="utf-8") as file:
        for line in file:
            if line.startswith("# "):
                reason = line[2:].strip()
            elif line.strip() and not line.startswith("--"):
                reasons[line.rstrip("\n")] = reason
    return reasons


def answer(connection, statement):
    try:
        cursor = connection.execute(statement)
        result = cursor.pgresult
        columns = [(column.name, column.type_code) for column in cursor.description or []]
        rows = [[result.get_value(row, column) for column in range(result.nfields)] for row in range(result.ntuples)]
        if "ORDER BY" not in statement:
            rows.sort(key=repr)
        return {"columns": columns, "rows": rows}
    except psycopg.Error as error:
        if connection.closed:
            raise
        return {"sqlstate": error.sqlstate, "message": str(error).split("\n")[0]}


def shown(one):
    if "sqlstate" in one:
        return f"{one['sqlstate']} {one['message']}"
    return f"{one['columns']} {[[value.decode() if value is not None else None for value in row] for row in one['rows'][:6]]}"


def equal(a, b):
    if "sqlstate" in a or "sqlstate" in b:
        return a.get("sqlstate") == b.get("sqlstate")
    return a == b


def compare(theirs, ours, only):
    reasons = differences()
    passed = failed = listed = 0
    for statement in statements():
        if only and only not in statement:
            continue
        want, got = answer(theirs, statement), answer(ours, statement)
        same, known = equal(want, got), reasons.pop(statement, None)
        if same and known is None:
            passed += 1
        elif not same and known is not None:
            passed += 1
            listed += 1
        else:
            failed += 1
            print("FAILED", statement)
            if same:
                print(f"  is listed as different ({known}) and is not")
            else:
                print("  PostgreSQL:", shown(want)[:600])
                print("  Waybill:   ", shown(got)[:600])
    for statement in reasons if not only else ():
        failed += 1
        print("FAILED listed and not run:", statement)
    print(f"{passed - listed} statements have equal answers, {listed} differ as listed")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def main():
    with tempfile.TemporaryDirectory() as lake, sql_server.postgres() as where, psycopg.connect(**where) as theirs:
        sql_server.fill_postgres(theirs)
        server = sql_server.Waybill(sys.argv[1], lake)
        try:
            with server.connect() as ours:
                return compare(theirs, ours, sys.argv[2] if len(sys.argv) > 2 else "")
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
