#include "sources/csv_header.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "base/edit_distance.h"

namespace sources {
namespace {

std::string folded(std::string_view name) {
  while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
  while (!name.empty() && (name.back() == ' ' || name.back() == '\r')) name.remove_suffix(1);
  std::string result(name);
  std::ranges::transform(result, result.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

// The name that a partner's file is expected to use for a field.
std::string column_of(const schema::TopicSchema& topic, const std::string& field) {
  for (const auto& [column, to] : topic.files->column_fields) {
    if (to == field) return column;
  }
  return field;
}

base::Result<> refuse_missing(const std::vector<std::string>& names, const CsvHeader& header,
                              const schema::TopicSchema& topic) {
  for (const columns::Field& field : topic.fields.fields) {
    if (field.nullable || std::ranges::find(header.fields, field.name) != header.fields.end())
      continue;
    const std::string wanted = column_of(topic, field.name);
    const auto nearest = std::ranges::min_element(names, {}, [&](const std::string& name) {
      return base::edit_distance(folded(name), folded(wanted));
    });
    return base::fail_with(
        base::Code::kInvalid,
        fmt::format("the header has no column '{}' for the field '{}', which is not nullable",
                    wanted, field.name),
        fmt::format(
            "name the column '{}', or map it under 'columns:' of {}; the nearest column is '{}'",
            wanted, topic.file.empty() ? topic.topic.name : topic.file,
            nearest == names.end() ? "" : *nearest));
  }
  return {};
}

}  // namespace

base::Result<CsvHeader> read_csv_header(std::string_view line, const schema::TopicSchema& topic) {
  const auto names = TRY(columns::csv_fields(line, topic.files->separator));
  std::map<std::string, std::string> fields;
  for (const columns::Field& field : topic.fields.fields) fields[folded(field.name)] = field.name;
  for (const auto& [column, field] : topic.files->column_fields) fields[folded(column)] = field;
  CsvHeader header;
  for (const std::string& name : names) {
    const auto found = fields.find(folded(name));
    const bool taken = found != fields.end() &&
                       std::ranges::find(header.fields, found->second) == header.fields.end();
    header.fields.push_back(taken ? found->second : "");
  }
  TRY(refuse_missing(names, header, topic));
  header.schema_order =
      std::ranges::equal(header.fields, topic.fields.fields, {}, {}, &columns::Field::name);
  return header;
}

std::string csv_line(const std::vector<std::string>& fields, char separator) {
  std::string line;
  for (const std::string& field : fields) {
    if (&field != &fields.front()) line.push_back(separator);
    line.append(field);
  }
  return line;
}

}  // namespace sources
