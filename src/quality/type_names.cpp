#include "quality/type_names.h"

#include <algorithm>
#include <map>
#include <vector>

namespace quality {
namespace {

using sql::Kind;

// Lower case. Whole numbers of any width answer to "int", as they do in pandas.
const std::map<std::string, std::vector<Kind>>& names() {
  static const std::vector<Kind> kWhole = {Kind::kTinyInt,   Kind::kSmallInt, Kind::kInteger,
                                           Kind::kBigInt,    Kind::kHugeInt,  Kind::kUTinyInt,
                                           Kind::kUSmallInt, Kind::kUInteger, Kind::kUBigInt};
  static const std::vector<Kind> kTimes = {Kind::kTimestamp, Kind::kTimestampS, Kind::kTimestampMs,
                                           Kind::kTimestampNs, Kind::kTimestampTz};
  static const std::map<std::string, std::vector<Kind>> kNames{
      {"int", kWhole},
      {"integer", {Kind::kInteger}},
      {"int4", {Kind::kInteger}},
      {"int32", {Kind::kInteger}},
      {"integertype", {Kind::kInteger}},
      {"bigint", {Kind::kBigInt}},
      {"int8", {Kind::kTinyInt, Kind::kBigInt}},
      {"int64", {Kind::kBigInt}},
      {"int64dtype", {Kind::kBigInt}},
      {"longtype", {Kind::kBigInt}},
      {"smallint", {Kind::kSmallInt}},
      {"int16", {Kind::kSmallInt}},
      {"tinyint", {Kind::kTinyInt}},
      {"numeric", {Kind::kDecimal}},
      {"decimal", {Kind::kDecimal}},
      {"float", {Kind::kFloat, Kind::kDouble}},
      {"real", {Kind::kFloat}},
      {"float32", {Kind::kFloat}},
      {"float4", {Kind::kFloat}},
      {"double", {Kind::kDouble}},
      {"double precision", {Kind::kDouble}},
      {"double_precision", {Kind::kDouble}},
      {"doubletype", {Kind::kDouble}},
      {"float64", {Kind::kDouble}},
      {"float8", {Kind::kDouble}},
      {"number", {Kind::kDouble, Kind::kBigInt, Kind::kDecimal}},
      {"varchar", {Kind::kVarchar}},
      {"char", {Kind::kVarchar}},
      {"text", {Kind::kVarchar}},
      {"string", {Kind::kVarchar}},
      {"str", {Kind::kVarchar}},
      {"object", {Kind::kVarchar}},
      {"object_", {Kind::kVarchar}},
      {"stringtype", {Kind::kVarchar}},
      {"bool", {Kind::kBoolean}},
      {"bool_", {Kind::kBoolean}},
      {"boolean", {Kind::kBoolean}},
      {"booleantype", {Kind::kBoolean}},
      {"date", {Kind::kDate}},
      {"datetype", {Kind::kDate}},
      {"time", {Kind::kTime}},
      {"timestamp", kTimes},
      {"timestamptype", kTimes},
      {"datetime", kTimes},
      {"datetime64", kTimes},
      {"datetime64[ns]", kTimes},
      {"datetime64[us]", kTimes},
      {"timestamptz", {Kind::kTimestampTz}},
      {"uuid", {Kind::kUuid}},
      {"blob", {Kind::kBlob}},
      {"bytea", {Kind::kBlob}},
      {"bytes", {Kind::kBlob}},
  };
  return kNames;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

}  // namespace

bool has_type(const sql::ColumnInfo& column, const std::string& name) {
  const std::string wanted = lower(name);
  if (wanted == lower(column.type)) return true;
  const auto it = names().find(wanted.substr(0, wanted.find('(')));
  return it != names().end() && std::ranges::find(it->second, column.kind) != it->second.end();
}

}  // namespace quality
