#include "sql/column_type.h"

namespace sql {

std::optional<columns::Type> column_type(Kind kind) {
  switch (kind) {
    case Kind::kBoolean:
      return columns::Type::kBoolean;
    case Kind::kTinyInt:
    case Kind::kSmallInt:
    case Kind::kInteger:
    case Kind::kUTinyInt:
    case Kind::kUSmallInt:
      return columns::Type::kInt32;
    case Kind::kBigInt:
    case Kind::kHugeInt:
    case Kind::kUInteger:
    case Kind::kUBigInt:
    case Kind::kUHugeInt:
      return columns::Type::kInt64;
    case Kind::kFloat:
    case Kind::kDouble:
    case Kind::kDecimal:
      return columns::Type::kFloat64;
    case Kind::kVarchar:
    case Kind::kEnum:
    case Kind::kUuid:
      return columns::Type::kString;
    case Kind::kBlob:
      return columns::Type::kBytes;
    case Kind::kDate:
      return columns::Type::kDate;
    case Kind::kTimestamp:
    case Kind::kTimestampS:
    case Kind::kTimestampMs:
    case Kind::kTimestampNs:
    case Kind::kTimestampTz:
      return columns::Type::kTimestamp;
    default:
      return std::nullopt;
  }
}

bool holds_exactly(Kind kind) {
  switch (kind) {
    case Kind::kBoolean:
    case Kind::kTinyInt:
    case Kind::kSmallInt:
    case Kind::kInteger:
    case Kind::kBigInt:
    case Kind::kUTinyInt:
    case Kind::kUSmallInt:
    case Kind::kUInteger:
    case Kind::kFloat:
    case Kind::kDouble:
    case Kind::kVarchar:
    case Kind::kBlob:
    case Kind::kDate:
    case Kind::kTimestamp:
    case Kind::kTimestampTz:
      return true;
    default:
      return false;
  }
}

}  // namespace sql
