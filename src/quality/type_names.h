// The names that pandas, SQL and Spark have for the types of columns.
#pragma once

#include <string>

#include "sql/database.h"

namespace quality {

// Whether `name`, in any of these vocabularies ("int64", "INTEGER", "IntegerType"), means the
// column's type. Case does not matter.
bool has_type(const sql::ColumnInfo& column, const std::string& name);

}  // namespace quality
