// PostgreSQL's spellings that DuckDB's parser does not take, in the form that it takes: what psql,
// drivers and dashboards ask of pg_catalog. Everything else stays as it is.
//
// Threads: pure function.
#pragma once

#include <string>

namespace server {

// Source: the queries of psql 15 (describe.c) and of the common drivers.
// - OPERATOR(pg_catalog.~)            the operator itself
// - COLLATE pg_catalog.default        left out
// - pg_catalog.name                   name: the search path finds Waybill's own, then DuckDB's
// - information_schema.tables, …      Waybill's own, which show the lake alone
// - x::pg_catalog.regclass, ::name, … a type that DuckDB has
// - 'silver.scans'::regclass          its oid
std::string rewrite_for_duckdb(const std::string& sql);

}  // namespace server
