// The types that columns of Waybill's tables have for DuckDB's types.
#pragma once

#include <optional>

#include "columns/batch.h"
#include "sql/database.h"

namespace sql {

// What a table keeps values of `kind` as (DECIMAL as a double, UUID as text); none for nested
// types, intervals and times of day.
std::optional<columns::Type> column_type(Kind kind);
// Whether columns::Batch holds every value of `kind` as it is.
bool holds_exactly(Kind kind);

}  // namespace sql
