#include <simdjson.h>

#include <cstring>

#include "base/check.h"
#include "base/clock.h"
#include "columns/convert.h"
#include "columns/decoder.h"

namespace columns {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::size_t kNoField = SIZE_MAX;
constexpr std::size_t kBadName = SIZE_MAX - 1;  // an escape that JSON does not have

std::string_view kind_of(ondemand::json_type type) {
  switch (type) {
    case ondemand::json_type::array:
      return "an array";
    case ondemand::json_type::object:
      return "an object";
    case ondemand::json_type::number:
      return "a number";
    case ondemand::json_type::string:
      return "a text";
    case ondemand::json_type::boolean:
      return "true or false";
    case ondemand::json_type::null:
      return "null";
  }
  return "something else";
}

// A number by RFC 8259's grammar; simdjson says only that it cannot read one.
bool is_json_number(std::string_view text) {
  std::size_t at = 0;
  const auto digits = [&] {
    const std::size_t from = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at - from;
  };
  if (at < text.size() && text[at] == '-') ++at;
  const std::size_t whole_at = at;
  const std::size_t whole = digits();
  if (whole == 0 || (whole > 1 && text[whole_at] == '0')) return false;
  if (at < text.size() && text[at] == '.') {
    ++at;
    if (digits() == 0) return false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == text.size();
}

std::string_view trim_end(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\n' ||
                           text.back() == '\r')) {
    text.remove_suffix(1);
  }
  return text;
}

class JsonDecoder final : public Decoder {
 public:
  explicit JsonDecoder(Schema schema) : schema_(std::move(schema)) {
    seen_in_.assign(schema_.fields.size(), 0);
  }

  void decode(std::span<const std::string_view> values, Batch& out,
              std::vector<RowError>& errors) override {
    CHECK(out.columns.size() == schema_.fields.size(), "the batch is not of the decoder's schema");
    for (Column& column : out.columns) column.reserve(out.rows() + values.size());
    out_ = &out;
    errors_ = &errors;
    for (const std::string_view value : values) {
      row_ = out.rows();
      if (const std::string reason = decode_row(value); !reason.empty()) {
        drop_row();
        errors.push_back({row_, "", reason});
      }
    }
  }

 private:
  // Fills the row; a reason when the whole record is no JSON object.
  std::string decode_row(std::string_view value) {
    ++record_;
    first_error_ = errors_->size();
    copy_padded(value);
    ondemand::document document;
    if (const auto error =
            parser_.iterate(padded_.data(), value.size(), padded_.size()).get(document)) {
      return malformed(error);
    }
    ondemand::object object;
    if (const auto error = document.get_object().get(object)) {
      if (error != simdjson::INCORRECT_TYPE) return malformed(error);
      return not_an_object(document);
    }
    std::size_t next = 0;
    for (auto item : object) {
      ondemand::field field;
      if (const auto error = std::move(item).get(field)) return malformed(error);
      const std::size_t index = find(field.key(), next);
      if (index == kBadName) return malformed(simdjson::STRING_ERROR);
      const auto error = index == kNoField ? validate(field.value()) : take(index, field.value());
      if (error) return malformed(error);
      next = index == kNoField ? next : index + 1;
    }
    if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) {
      return "not JSON: there is text behind the object";
    }
    finish_row();
    return "";
  }

  void copy_padded(std::string_view value) {
    size_ = value.size();
    const std::size_t size = value.size() + simdjson::SIMDJSON_PADDING;
    if (padded_.size() < size) padded_.resize(std::max<std::size_t>(2 * size, 4096));
    std::memcpy(padded_.data(), value.data(), value.size());
    // The reader may look past the end, and must not find the last record there.
    std::memset(padded_.data() + value.size(), 0, simdjson::SIMDJSON_PADDING);
  }

  static std::string malformed(simdjson::error_code error) {
    return fmt::format("not JSON: {}", simdjson::error_message(error));
  }

  std::string not_an_object(ondemand::document& document) {
    ondemand::json_type type;
    if (const auto error = document.type().get(type)) return malformed(error);
    // The text must be JSON all the same, to be called by its type.
    simdjson::dom::element whole;
    if (const auto error = dom_.parse(padded_.data(), size_, false).get(whole)) {
      return malformed(error);
    }
    return fmt::format("a JSON object is expected, found {}", kind_of(type));
  }

  // Records of one source have their members in one order: look there first.
  std::size_t find(ondemand::raw_json_string key, std::size_t next) {
    const auto& fields = schema_.fields;
    if (next < fields.size() && key.unsafe_is_equal(fields[next].name)) return next;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (key.unsafe_is_equal(fields[i].name)) return i;
    }
    const char* raw = key.raw();
    const char* end = raw;
    while (*end != '"' && *end != '\\') ++end;
    if (*end == '"') return kNoField;
    return find_escaped(raw);
  }

  // "truck\u005fid" is truck_id.
  std::size_t find_escaped(const char* raw) {
    const char* end = raw;
    while (*end != '"') end += *end == '\\' ? 2 : 1;
    std::string text = "\"";
    text.append(raw, end).append("\"");
    simdjson::dom::element element;
    std::string_view name;
    if (dom_.parse(text).get(element) || element.get(name)) return kBadName;
    return schema_.find(name).value_or(kNoField);
  }

  void field_error(std::size_t index, std::string reason) {
    errors_->push_back({row_, schema_.fields[index].name, std::move(reason)});
  }

  // Reads one member into its column. An error means that the whole record is malformed.
  simdjson::error_code take(std::size_t index, ondemand::value& value) {
    if (seen_in_[index] == record_) {
      field_error(index, "the field is given more than once; the first is kept");
      return validate(value);
    }
    seen_in_[index] = record_;
    Column& column = out_->columns[index];
    ondemand::json_type type;
    if (const auto error = value.type().get(type)) return error;
    if (type == ondemand::json_type::null) {
      if (const auto error = validate(value)) return error;
      append_missing(index, "null, but the field is not nullable");
      return simdjson::SUCCESS;
    }
    switch (column.type()) {
      case Type::kBoolean:
        return take_boolean(index, type, value);
      case Type::kInt32:
      case Type::kInt64:
        return take_integer(index, type, value);
      case Type::kFloat64:
        return take_double(index, type, value);
      case Type::kString:
      case Type::kBytes:
        return take_text(column, type, value);
      case Type::kDate:
        return take_date(index, type, value);
      case Type::kTimestamp:
        return take_timestamp(index, type, value);
    }
    return simdjson::SUCCESS;
  }

  simdjson::error_code take_boolean(std::size_t index, ondemand::json_type type,
                                    ondemand::value& value) {
    if (type != ondemand::json_type::boolean) return wrong_type(index, type, value);
    bool truth;
    if (const auto error = value.get_bool().get(truth)) return error;
    out_->columns[index].append_int(truth ? 1 : 0);
    return simdjson::SUCCESS;
  }

  simdjson::error_code take_integer(std::size_t index, ondemand::json_type type,
                                    ondemand::value& value) {
    if (type != ondemand::json_type::number) return wrong_type(index, type, value);
    Column& column = out_->columns[index];
    std::int64_t whole;
    if (!value.get_int64().get(whole) &&
        (column.type() == Type::kInt64 || (whole >= INT32_MIN && whole <= INT32_MAX))) {
      column.append_int(whole);
      return simdjson::SUCCESS;
    }
    const std::string_view token = trim_end(value.raw_json_token());
    if (!is_json_number(token)) return simdjson::NUMBER_ERROR;
    switch (integer_from_text(token, column.type(), whole)) {
      case NumberError::kNone:
        column.append_int(whole);
        return simdjson::SUCCESS;
      case NumberError::kNotWhole:
        return bad_number(index, token, "is not a whole number");
      default:
        return bad_number(index, token, "is out of range");
    }
  }

  simdjson::error_code take_double(std::size_t index, ondemand::json_type type,
                                   ondemand::value& value) {
    if (type != ondemand::json_type::number) return wrong_type(index, type, value);
    double number;
    if (!value.get_double().get(number)) {
      out_->columns[index].append_double(number);
      return simdjson::SUCCESS;
    }
    const std::string_view token = trim_end(value.raw_json_token());
    if (!is_json_number(token)) return simdjson::NUMBER_ERROR;
    return bad_number(index, token, "is out of range");
  }

  simdjson::error_code take_text(Column& column, ondemand::json_type type, ondemand::value& value) {
    std::string_view text;
    if (type == ondemand::json_type::string) {
      if (const auto error = value.get_string().get(text)) return error;
    } else if (type == ondemand::json_type::array || type == ondemand::json_type::object) {
      if (const auto error = raw_nested(type, value, text)) return error;
    } else {
      text = trim_end(value.raw_json_token());
      if (const auto error = validate(value)) return error;
    }
    column.append_text(text);
    return simdjson::SUCCESS;
  }

  simdjson::error_code take_date(std::size_t index, ondemand::json_type type,
                                 ondemand::value& value) {
    if (type != ondemand::json_type::string) return wrong_type(index, type, value);
    std::string_view text;
    if (const auto error = value.get_string().get(text)) return error;
    const auto days = base::parse_date(text);
    if (days) {
      out_->columns[index].append_int(*days);
      return simdjson::SUCCESS;
    }
    return bad_text(index, text);
  }

  simdjson::error_code take_timestamp(std::size_t index, ondemand::json_type type,
                                      ondemand::value& value) {
    Column& column = out_->columns[index];
    std::int64_t us;
    if (type == ondemand::json_type::string) {
      std::string_view text;
      if (const auto error = value.get_string().get(text)) return error;
      if (!times_.read(text, us)) return bad_text(index, text);
      column.append_int(us);
      return simdjson::SUCCESS;
    }
    if (type != ondemand::json_type::number) return wrong_type(index, type, value);
    const std::string_view token = trim_end(value.raw_json_token());
    std::int64_t whole;
    double number;
    bool good = false;
    if (!value.get_int64().get(whole)) {
      good = timestamp_from_integer(whole, us);
    } else if (!value.get_double().get(number)) {
      good = timestamp_from_number(number, us);
    } else if (!is_json_number(token)) {
      return simdjson::NUMBER_ERROR;
    }
    if (!good) return bad_number(index, token, "is out of range");
    column.append_int(us);
    return simdjson::SUCCESS;
  }

  simdjson::error_code wrong_type(std::size_t index, ondemand::json_type type,
                                  ondemand::value& value) {
    const std::string found(trim_end(value.raw_json_token()));
    if (const auto error = validate(value)) return error;
    Column& column = out_->columns[index];
    column.append_null();
    const bool nested = type == ondemand::json_type::array || type == ondemand::json_type::object;
    field_error(index,
                nested
                    ? fmt::format("{} expected, found {}", expected(column.type()), kind_of(type))
                    : fmt::format("{} expected, found {}", expected(column.type()), shown(found)));
    return simdjson::SUCCESS;
  }

  simdjson::error_code bad_text(std::size_t index, std::string_view text) {
    Column& column = out_->columns[index];
    column.append_null();
    field_error(index,
                fmt::format("{} expected, found '{}'", expected(column.type()), shown(text)));
    return simdjson::SUCCESS;
  }

  simdjson::error_code bad_number(std::size_t index, std::string_view token,
                                  std::string_view what) {
    Column& column = out_->columns[index];
    column.append_null();
    field_error(index,
                fmt::format("{} expected: {} {}", expected(column.type()), shown(token), what));
    return simdjson::SUCCESS;
  }

  // The text of an array or object, checked to be JSON.
  simdjson::error_code raw_nested(ondemand::json_type type, ondemand::value& value,
                                  std::string_view& text) {
    if (type == ondemand::json_type::array) {
      ondemand::array array;
      if (const auto error = value.get_array().get(array)) return error;
      if (const auto error = array.raw_json().get(text)) return error;
    } else {
      ondemand::object object;
      if (const auto error = value.get_object().get(object)) return error;
      if (const auto error = object.raw_json().get(text)) return error;
    }
    text = trim_end(text);
    simdjson::dom::element element;
    return dom_.parse(text.data(), text.size(), true).get(element);
  }

  // Reads past a value that nobody wants; it must be JSON all the same.
  simdjson::error_code validate(ondemand::value& value) {
    ondemand::json_type type;
    if (const auto error = value.type().get(type)) return error;
    switch (type) {
      case ondemand::json_type::array:
      case ondemand::json_type::object: {
        std::string_view text;
        return raw_nested(type, value, text);
      }
      case ondemand::json_type::string:
        return value.get_string().error();
      case ondemand::json_type::boolean:
        return value.get_bool().error();
      case ondemand::json_type::null: {
        const std::string_view token = trim_end(value.raw_json_token());
        if (token != "null") return simdjson::N_ATOM_ERROR;
        return value.is_null() ? simdjson::SUCCESS : simdjson::N_ATOM_ERROR;
      }
      case ondemand::json_type::number: {
        const std::string_view token = trim_end(value.raw_json_token());
        return is_json_number(token) ? simdjson::SUCCESS : simdjson::NUMBER_ERROR;
      }
    }
    return simdjson::SUCCESS;
  }

  void append_missing(std::size_t index, std::string_view reason) {
    out_->columns[index].append_null();
    if (!schema_.fields[index].nullable) field_error(index, std::string(reason));
  }

  void finish_row() {
    for (std::size_t i = 0; i < seen_in_.size(); ++i) {
      if (seen_in_[i] != record_) append_missing(i, "missing, but the field is not nullable");
    }
  }

  // Nothing of a malformed record is kept.
  void drop_row() {
    errors_->resize(first_error_);
    for (Column& column : out_->columns) {
      column.truncate(row_);
      column.append_null();
    }
  }

  Schema schema_;
  ondemand::parser parser_;
  simdjson::dom::parser dom_;
  std::vector<char> padded_;  // the record at hand, and room behind it
  std::size_t size_ = 0;
  TimestampReader times_;
  std::vector<std::uint64_t> seen_in_;  // by field: the record that had it last
  std::uint64_t record_ = 0;
  // Of the call and row at hand.
  Batch* out_ = nullptr;
  std::vector<RowError>* errors_ = nullptr;
  std::size_t row_ = 0;
  std::size_t first_error_ = 0;
};

}  // namespace

std::unique_ptr<Decoder> json_decoder(Schema schema) {
  return std::make_unique<JsonDecoder>(std::move(schema));
}

}  // namespace columns
