// PostgreSQL's spellings that DuckDB's parser does not take, or takes for something else, in the
// form that means the same: what psql, drivers and dashboards ask of pg_catalog, and operators and
// functions of data. Everything else stays as it is.
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
// - 'silver.scans'::regclass          its oid; c.oid::regclass its name
// - a ~ 'x', json #>> '{a}'           operators of postgres_dialect.cpp
// - EXTRACT(year FROM t), date_part   as PostgreSQL types and counts them
std::string rewrite_for_duckdb(const std::string& sql);

}  // namespace server
