// avro_plan(): bytes of Avro records into columns, field by field in the writer's order.
#include "base/json_text.h"
#include "schema/avro_wire.h"
#include "schema/record_plan.h"
#include "schema/value_columns.h"

namespace schema {
namespace {

using columns::Column;

constexpr std::size_t kNoColumn = SIZE_MAX;

class AvroPlan final : public RecordPlan {
 public:
  AvroPlan(std::shared_ptr<const AvroSchema> schema, const columns::Schema& fields)
      : schema_(std::move(schema)), fields_(fields) {
    std::vector<bool> filled(fields.fields.size());
    for (const AvroField& field : schema_->root().fields) {
      const std::size_t column = fields.find(field.name).value_or(kNoColumn);
      steps_.push_back({field.type, column});
      if (column != kNoColumn) filled[column] = true;
    }
    for (std::size_t i = 0; i < filled.size(); ++i) {
      if (!filled[i]) missing_.push_back(i);
    }
  }

  const std::vector<std::size_t>& missing() const override { return missing_; }

  std::string decode(std::string_view bytes, std::size_t row, columns::Batch& out,
                     std::vector<columns::RowError>& errors) override {
    AvroCursor in(bytes);
    items_ = 0;
    json_bytes_ = 0;
    too_large_ = false;
    for (const Step& step : steps_) {
      if (step.column == kNoColumn) {
        skip(*step.type, in, 0);
      } else {
        reason_.clear();
        take(*step.type, in, out.columns[step.column], fields_.fields[step.column].nullable);
        if (!reason_.empty()) [[unlikely]]
          errors.push_back({row, fields_.fields[step.column].name, reason_});
      }
      if (too_large_) [[unlikely]]
        return fmt::format("its nested values have more than {} bytes as JSON",
                           kRecordJsonBytesMax);
      if (in.bad) [[unlikely]]
        return "not of its Avro schema: the bytes end within a value, or a branch or symbol does "
               "not exist";
    }
    if (in.left() > 0)
      return fmt::format("not of its Avro schema: {} bytes behind the record", in.left());
    return "";
  }

 private:
  struct Step {
    const AvroNode* type;
    std::size_t column;
  };

  static const AvroNode* branch_of(const AvroNode& node, AvroCursor& in) {
    const std::int64_t index = in.read_long();
    if (!in.bad && index >= 0 && index < static_cast<std::int64_t>(node.branches.size()))
      return node.branches[static_cast<std::size_t>(index)];
    in.bad = true;
    return nullptr;
  }

  static std::string_view symbol_of(const AvroNode& node, AvroCursor& in) {
    const std::int64_t index = in.read_long();
    if (!in.bad && index >= 0 && index < static_cast<std::int64_t>(node.symbols.size()))
      return node.symbols[static_cast<std::size_t>(index)];
    in.bad = true;
    return {};
  }

  void take(const AvroNode& given, AvroCursor& in, Column& column, bool nullable) {
    const AvroNode* node = &given;
    if (node->type == AvroType::kUnion) node = branch_of(*node, in);
    if (node == nullptr) return;
    switch (node->type) {
      case AvroType::kNull:
        column.append_null();
        if (!nullable) reason_ = "null, but the field is not nullable";
        return;
      case AvroType::kBoolean:
        return values_.truth(in.read_boolean(), column, reason_);
      case AvroType::kInt:
      case AvroType::kLong:
        return take_whole(*node, in, column);
      case AvroType::kFloat:
        return values_.number(static_cast<double>(in.read_plain<float>()), column, reason_);
      case AvroType::kDouble:
        return values_.number(in.read_plain<double>(), column, reason_);
      case AvroType::kString:
        return values_.text(in.read_text(), column, reason_);
      case AvroType::kEnum:
        return values_.text(symbol_of(*node, in), column, reason_);
      case AvroType::kBytes:
        return take_bytes(*node, in.read_text(), column);
      case AvroType::kFixed:
        return take_bytes(*node, in.read_bytes(static_cast<std::uint64_t>(node->size)), column);
      case AvroType::kRecord:
      case AvroType::kArray:
      case AvroType::kMap:
      case AvroType::kUnion:
        json_.clear();
        append(*node, in, json_, 0);
        json_bytes_ += json_.size();
        return values_.nested(json_, column, reason_);
    }
  }

  void take_whole(const AvroNode& node, AvroCursor& in, Column& column) {
    const std::int64_t value = in.read_long();
    if (node.type == AvroType::kInt && (value < INT32_MIN || value > INT32_MAX)) in.bad = true;
    if (node.logical.empty()) return values_.whole(value, column, reason_);
    if (node.logical == "date") return values_.date(value, column, reason_);
    if (node.logical.ends_with("timestamp-micros"))
      return values_.timestamp(value, column, reason_);
    if (node.logical.ends_with("timestamp-millis")) {
      const bool fits = value < INT64_MAX / 1000 && value > INT64_MIN / 1000;
      return values_.timestamp(fits ? value * 1000 : INT64_MAX, column, reason_);
    }
    if (node.logical.ends_with("timestamp-nanos"))
      return values_.timestamp(value / 1000 - (value % 1000 < 0 ? 1 : 0), column, reason_);
    values_.whole(value, column, reason_);
  }

  void take_bytes(const AvroNode& node, std::string_view bytes, Column& column) {
    if (node.logical == "decimal") {
      const std::string digits = decimal_text(bytes, node.scale);
      if (!digits.empty()) return values_.text(digits, column, reason_);
    }
    if (node.logical == "uuid" && bytes.size() == 16)
      return values_.text(uuid_text(bytes), column, reason_);
    values_.bytes(bytes, column, reason_);
  }

  static std::string uuid_text(std::string_view bytes) {
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      if (i == 4 || i == 6 || i == 8 || i == 10) out.push_back('-');
      fmt::format_to(std::back_inserter(out), "{:02x}", static_cast<std::uint8_t>(bytes[i]));
    }
    return out;
  }

  bool may_go_on(AvroCursor& in, std::size_t depth) {
    if (depth > kRecordDepthMax || ++items_ > kRecordItemsMax) in.bad = true;
    return !in.bad;
  }

  // A value as plain JSON: what a union holds stands without its branch's name.
  void append(const AvroNode& node, AvroCursor& in, std::string& out, std::size_t depth) {
    too_large_ = too_large_ || json_bytes_ + out.size() > kRecordJsonBytesMax;
    if (too_large_) in.bad = true;
    if (!may_go_on(in, depth)) return;
    switch (node.type) {
      case AvroType::kNull:
        out += "null";
        return;
      case AvroType::kBoolean:
        out += in.read_boolean() ? "true" : "false";
        return;
      case AvroType::kInt:
      case AvroType::kLong:
        fmt::format_to(std::back_inserter(out), "{}", in.read_long());
        return;
      case AvroType::kFloat:
        return append_json_number(static_cast<double>(in.read_plain<float>()), out);
      case AvroType::kDouble:
        return append_json_number(in.read_plain<double>(), out);
      case AvroType::kString:
        return append_json_bytes(in.read_text(), out);
      case AvroType::kEnum:
        return base::append_json_text(symbol_of(node, in), out);
      case AvroType::kBytes:
      case AvroType::kFixed:
        return append_bytes(node, in, out);
      case AvroType::kUnion:
        if (const AvroNode* branch = branch_of(node, in)) append(*branch, in, out, depth + 1);
        return;
      case AvroType::kArray:
      case AvroType::kMap:
        return append_items(node, in, out, depth);
      case AvroType::kRecord: {
        out.push_back('{');
        for (const AvroField& field : node.fields) {
          if (&field != node.fields.data()) out.push_back(',');
          base::append_json_text(field.name, out);
          out.push_back(':');
          append(*field.type, in, out, depth + 1);
        }
        out.push_back('}');
        return;
      }
    }
  }

  static void append_bytes(const AvroNode& node, AvroCursor& in, std::string& out) {
    const std::string_view bytes = node.type == AvroType::kBytes
                                       ? in.read_text()
                                       : in.read_bytes(static_cast<std::uint64_t>(node.size));
    const std::string digits =
        node.logical == "decimal" ? decimal_text(bytes, node.scale) : std::string();
    if (digits.empty()) return append_json_bytes(bytes, out);
    out += digits;
  }

  void append_items(const AvroNode& node, AvroCursor& in, std::string& out, std::size_t depth) {
    const bool map = node.type == AvroType::kMap;
    out.push_back(map ? '{' : '[');
    bool first = true;
    for (;;) {
      std::int64_t count = in.read_block();
      if (in.bad || count == 0) break;
      for (; count > 0 && !in.bad; --count) {
        if (!first) out.push_back(',');
        first = false;
        if (map) append_json_bytes(in.read_text(), out);
        if (map) out.push_back(':');
        append(*node.items, in, out, depth + 1);
      }
    }
    out.push_back(map ? '}' : ']');
  }

  void skip(const AvroNode& node, AvroCursor& in, std::size_t depth) {
    if (!may_go_on(in, depth)) return;
    switch (node.type) {
      case AvroType::kNull:
        return;
      case AvroType::kBoolean:
        static_cast<void>(in.read_boolean());
        return;
      case AvroType::kInt:
      case AvroType::kLong:
        static_cast<void>(in.read_long());
        return;
      case AvroType::kFloat:
        static_cast<void>(in.read_bytes(4));
        return;
      case AvroType::kDouble:
        static_cast<void>(in.read_bytes(8));
        return;
      case AvroType::kString:
      case AvroType::kBytes:
        static_cast<void>(in.read_text());
        return;
      case AvroType::kEnum:
        static_cast<void>(symbol_of(node, in));
        return;
      case AvroType::kFixed:
        static_cast<void>(in.read_bytes(static_cast<std::uint64_t>(node.size)));
        return;
      case AvroType::kUnion:
        if (const AvroNode* branch = branch_of(node, in)) skip(*branch, in, depth + 1);
        return;
      case AvroType::kRecord:
        for (const AvroField& field : node.fields) skip(*field.type, in, depth + 1);
        return;
      case AvroType::kArray:
      case AvroType::kMap:
        for (std::int64_t count = in.read_block(); count > 0 && !in.bad; count = in.read_block()) {
          for (; count > 0 && !in.bad; --count) {
            if (node.type == AvroType::kMap) static_cast<void>(in.read_text());
            skip(*node.items, in, depth + 1);
          }
        }
        return;
    }
  }

  std::shared_ptr<const AvroSchema> schema_;
  columns::Schema fields_;
  std::vector<Step> steps_;
  std::vector<std::size_t> missing_;
  ValueWriter values_;
  std::string reason_;
  std::string json_;
  std::size_t items_ = 0;
  std::size_t json_bytes_ = 0;  // of the record's nested values
  bool too_large_ = false;
};

}  // namespace

base::Result<std::unique_ptr<RecordPlan>> avro_plan(std::shared_ptr<const AvroSchema> schema,
                                                    const columns::Schema& fields) {
  if (schema->root().type != AvroType::kRecord)
    return base::fail_with(
        base::Code::kInvalid,
        fmt::format("the Avro schema is {}, no record", avro_type_name(schema->root().type)),
        "register a record for values of this topic");
  return std::make_unique<AvroPlan>(std::move(schema), fields);
}

}  // namespace schema
