// protobuf_plan(): bytes of Protobuf messages into columns by field number. Nested messages, lists
// and maps go through the library, as JSON text.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/wire_format_lite.h>

#include <bit>
#include <map>

#include "schema/avro_wire.h"
#include "schema/record_plan.h"
#include "schema/value_columns.h"

namespace schema {

namespace pb = google::protobuf;

namespace {

using columns::Column;
using Field = pb::FieldDescriptor;
using Wire = pb::internal::WireFormatLite;

constexpr std::size_t kIndexesMax = 64;
constexpr std::string_view kBroken = "not of its Protobuf schema: the bytes are no such message";

// Base 128 of both the message indexes and the fields.
std::uint64_t read_varint(AvroCursor& in) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 70 && in.at < in.end; shift += 7) {
    const auto byte = static_cast<std::uint8_t>(*in.at++);
    if (shift < 64) value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  in.bad = true;
  return 0;
}

struct Step {
  const Field* field = nullptr;
  std::size_t column = 0;
  bool nested = false;  // by way of JSON text
  bool timestamp = false;
  const Field* wrapped = nullptr;  // of google.protobuf.*Value
  std::uint32_t tag = 0;           // of the plain encoding; packed lists come under another one
};

// The plan of one message type.
struct MessagePlan {
  const pb::Descriptor* type = nullptr;
  std::map<std::uint32_t, std::size_t> by_number;  // into steps
  std::vector<Step> steps;
  std::vector<std::size_t> missing;
  bool any_nested = false;
};

// About the bytes of messages as JSON with all their fields, also those that are not there.
class JsonSize {
 public:
  // More than `most`: it does not count on.
  std::size_t of(const pb::Message& message, std::size_t most) {
    const pb::Reflection& read = *message.GetReflection();
    std::size_t size = empty(*message.GetDescriptor());
    std::vector<const Field*> there;
    read.ListFields(message, &there);
    for (const Field* field : there) {
      const int count = field->is_repeated() ? read.FieldSize(message, field) : 1;
      if (field->cpp_type() != Field::CPPTYPE_MESSAGE) size += scalars(*field, count);
      for (int i = 0; i < count && size <= most; ++i) size += one(message, *field, i, most - size);
      if (size > most) break;
    }
    return size;
  }

 private:
  static constexpr std::size_t kScalar = 8;

  static std::size_t longest_name(const Field& field) {
    std::size_t longest = 0;
    for (int i = 0; i < field.enum_type()->value_count(); ++i)
      longest = std::max(longest, field.enum_type()->value(i)->name().size());
    return longest;
  }

  std::size_t scalars(const Field& field, int count) {
    std::size_t each = kScalar;
    if (field.cpp_type() == Field::CPPTYPE_ENUM) {
      const auto [at, is_new] = names_.try_emplace(field.enum_type());
      if (is_new) at->second = longest_name(field);
      each += at->second;
    }
    return each * static_cast<std::size_t>(count);
  }

  std::size_t one(const pb::Message& message, const Field& field, int i, std::size_t most) {
    const pb::Reflection& read = *message.GetReflection();
    std::string scratch;
    if (field.cpp_type() == Field::CPPTYPE_STRING) {
      return field.is_repeated()
                 ? read.GetRepeatedStringReference(message, &field, i, &scratch).size()
                 : read.GetStringReference(message, &field, &scratch).size();
    }
    if (field.cpp_type() != Field::CPPTYPE_MESSAGE) return 0;
    return of(field.is_repeated() ? read.GetRepeatedMessage(message, &field, i)
                                  : read.GetMessage(message, &field),
              most);
  }

  std::size_t empty(const pb::Descriptor& type) {
    const auto [at, is_new] = empty_.try_emplace(&type);
    if (!is_new) return at->second;
    std::size_t size = 2;
    for (int i = 0; i < type.field_count(); ++i) {
      const Field& field = *type.field(i);
      size += field.name().size() + kScalar;
      if (field.cpp_type() == Field::CPPTYPE_ENUM)
        size += field.default_value_enum()->name().size();
    }
    return at->second = size;
  }

  std::map<const pb::EnumDescriptor*, std::size_t> names_;
  std::map<const pb::Descriptor*, std::size_t> empty_;
};

class ProtobufPlan final : public RecordPlan {
 public:
  ProtobufPlan(std::shared_ptr<const ProtobufSchema> schema, const columns::Schema& fields)
      : schema_(std::move(schema)), fields_(fields) {}

  // Each message type has its own; columns without a field are filled here.
  const std::vector<std::size_t>& missing() const override { return none_; }

  std::string decode(std::string_view bytes, std::size_t row, columns::Batch& out,
                     std::vector<columns::RowError>& errors) override {
    AvroCursor in(bytes);
    const MessagePlan* plan = message_plan(in);
    if (plan == nullptr) return "not of its Protobuf schema: the message's indexes lead nowhere";
    const std::string_view body(in.at, in.left());
    found_.assign(plan->steps.size(), {});
    json_left_ = kRecordJsonBytesMax;
    if (!split(*plan, in)) return std::string(kBroken);
    if (plan->any_nested && !parse_whole(*plan, body)) return std::string(kBroken);
    for (std::size_t i = 0; i < plan->steps.size(); ++i) {
      const Step& step = plan->steps[i];
      reason_.clear();
      take(step, found_[i], out.columns[step.column]);
      if (in_bad_) return std::string(kBroken);
      const columns::Field& field = fields_.fields[step.column];
      if (reason_.empty() && !field.nullable && out.columns[step.column].is_null(row))
        reason_ = "null, but the field is not nullable";
      if (!reason_.empty()) errors.push_back({row, field.name, reason_});
    }
    for (const std::size_t column : plan->missing) {
      out.columns[column].append_null();
      if (!fields_.fields[column].nullable)
        errors.push_back({row, fields_.fields[column].name, "missing"});
    }
    return "";
  }

 private:
  struct Found {
    bool there = false;
    std::uint64_t bits = 0;       // varint, fixed
    std::string_view bytes = {};  // length-delimited
  };

  const MessagePlan* message_plan(AvroCursor& in) {
    const std::int64_t count = in.read_long();  // zigzag, as Avro's
    indexes_.clear();
    if (in.bad || count < 0 || count > static_cast<std::int64_t>(kIndexesMax)) return nullptr;
    for (std::int64_t i = 0; i < count; ++i) indexes_.push_back(in.read_long());
    if (count == 0) indexes_.push_back(0);  // the first message
    if (in.bad) return nullptr;
    if (last_ != nullptr && indexes_ == last_indexes_) return last_;
    const pb::Descriptor* type = schema_->message(indexes_);
    if (type == nullptr) return nullptr;
    last_indexes_ = indexes_;
    const auto known = plans_.find(type);
    last_ =
        known != plans_.end() ? &known->second : &plans_.emplace(type, make(*type)).first->second;
    return last_;
  }

  MessagePlan make(const pb::Descriptor& type) const {
    MessagePlan plan;
    plan.type = &type;
    for (std::size_t column = 0; column < fields_.fields.size(); ++column) {
      const Field* field = type.FindFieldByName(fields_.fields[column].name);
      if (field == nullptr) {
        plan.missing.push_back(column);
        continue;
      }
      Step step{.field = field, .column = column};
      if (field->is_repeated()) {
        step.nested = true;
      } else if (field->type() == Field::TYPE_MESSAGE) {
        step.timestamp = field->message_type()->full_name() == "google.protobuf.Timestamp";
        step.wrapped = wrapped_value(*field->message_type());
        step.nested = !step.timestamp && step.wrapped == nullptr;
      } else if (field->type() == Field::TYPE_GROUP) {
        step.nested = true;
      }
      step.tag = static_cast<std::uint32_t>(
          Wire::WireTypeForFieldType(static_cast<Wire::FieldType>(field->type())));
      plan.any_nested |= step.nested;
      plan.by_number[static_cast<std::uint32_t>(field->number())] = plan.steps.size();
      plan.steps.push_back(step);
    }
    return plan;
  }

  // The last value of each field wins, as the format asks.
  bool split(const MessagePlan& plan, AvroCursor& in) {
    while (in.left() > 0 && !in.bad) {
      const std::uint64_t tag = read_varint(in);
      const std::uint64_t number = tag >> 3;
      if (in.bad || number == 0 || number > 536'870'911) return false;
      Found found{.there = true};
      switch (tag & 7) {
        case 0:
          found.bits = read_varint(in);
          break;
        case 1:
          found.bits = in.read_plain<std::uint64_t>();
          break;
        case 2:
          found.bytes = in.read_bytes(read_varint(in));
          break;
        case 5:
          found.bits = in.read_plain<std::uint32_t>();
          break;
        default:
          return false;  // groups: proto2's oldest form
      }
      const auto at = plan.by_number.find(static_cast<std::uint32_t>(number));
      if (at == plan.by_number.end()) continue;
      if (plan.steps[at->second].tag == (tag & 7)) found_[at->second] = found;
    }
    return !in.bad;
  }

  bool parse_whole(const MessagePlan& plan, std::string_view body) {
    whole_.reset(factory_.GetPrototype(plan.type)->New());
    return whole_->ParsePartialFromArray(body.data(), static_cast<int>(body.size()));
  }

  void take(const Step& step, const Found& found, Column& column) {
    in_bad_ = false;
    if (step.nested) return take_nested(*step.field, column);
    if (!found.there) {
      if (step.field->has_presence()) return column.append_null();
      return take_scalar(*step.field, Found{.there = true}, column);
    }
    if (step.timestamp) return take_timestamp(found.bytes, column);
    if (step.wrapped == nullptr) return take_scalar(*step.field, found, column);
    AvroCursor in(found.bytes);
    Found value{.there = true};
    while (in.left() > 0 && !in.bad) {
      const std::uint64_t tag = read_varint(in);
      if ((tag & 7) == 2) value.bytes = in.read_bytes(read_varint(in));
      if ((tag & 7) == 0) value.bits = read_varint(in);
      if ((tag & 7) == 1) value.bits = in.read_plain<std::uint64_t>();
      if ((tag & 7) == 5) value.bits = in.read_plain<std::uint32_t>();
      if ((tag & 7) == 3 || (tag & 7) == 4 || (tag & 7) > 5) in.bad = true;
    }
    in_bad_ = in.bad;
    take_scalar(*step.wrapped, value, column);
  }

  void take_scalar(const Field& field, const Found& found, Column& column) {
    const auto zigzag = [](std::uint64_t bits) {
      return static_cast<std::int64_t>((bits >> 1) ^ (~(bits & 1) + 1));
    };
    switch (field.type()) {
      case Field::TYPE_INT32:
      case Field::TYPE_SFIXED32:
        return values_.whole(static_cast<std::int32_t>(found.bits), column, reason_);
      case Field::TYPE_INT64:
      case Field::TYPE_SFIXED64:
        return values_.whole(static_cast<std::int64_t>(found.bits), column, reason_);
      case Field::TYPE_UINT32:
      case Field::TYPE_FIXED32:
        return values_.whole(static_cast<std::uint32_t>(found.bits), column, reason_);
      case Field::TYPE_UINT64:
      case Field::TYPE_FIXED64:
        if (found.bits <= INT64_MAX)
          return values_.whole(static_cast<std::int64_t>(found.bits), column, reason_);
        return values_.text(fmt::format_int(found.bits).c_str(), column, reason_);
      case Field::TYPE_SINT32:
      case Field::TYPE_SINT64:
        return values_.whole(zigzag(found.bits), column, reason_);
      case Field::TYPE_BOOL:
        return values_.truth(found.bits != 0, column, reason_);
      case Field::TYPE_FLOAT:
        return values_.number(
            static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(found.bits))),
            column, reason_);
      case Field::TYPE_DOUBLE:
        return values_.number(std::bit_cast<double>(found.bits), column, reason_);
      case Field::TYPE_STRING:
        return values_.text(found.bytes, column, reason_);
      case Field::TYPE_BYTES:
        return values_.bytes(found.bytes, column, reason_);
      case Field::TYPE_ENUM: {
        const auto number = static_cast<std::int32_t>(found.bits);
        const auto* value = field.enum_type()->FindValueByNumber(number);
        const bool text = column.type() == columns::Type::kString && value != nullptr;
        return text ? values_.text(value->name(), column, reason_)
                    : values_.whole(number, column, reason_);
      }
      case Field::TYPE_MESSAGE:
      case Field::TYPE_GROUP:
        break;
    }
    column.append_null();
  }

  void take_timestamp(std::string_view bytes, Column& column) {
    AvroCursor in(bytes);
    std::int64_t seconds = 0;
    std::int64_t nanos = 0;
    while (in.left() > 0 && !in.bad) {
      const std::uint64_t tag = read_varint(in);
      const auto value = static_cast<std::int64_t>(read_varint(in));
      if (tag == 8) seconds = value;
      if (tag == 16) nanos = value;
      if ((tag & 7) != 0) in.bad = true;
    }
    in_bad_ = in.bad;
    const bool fits = seconds > -100'000'000'000 && seconds < 1'000'000'000'000 && nanos >= 0 &&
                      nanos < 1'000'000'000;
    values_.timestamp(fits ? seconds * 1'000'000 + nanos / 1000 : INT64_MAX, column, reason_);
  }

  void take_nested(const Field& field, Column& column) {
    const pb::Reflection& read = *whole_->GetReflection();
    const bool there = field.is_repeated() ? true : read.HasField(*whole_, &field);
    if (!there) return column.append_null();
    // The library prints whole messages: this one with the one field.
    const std::unique_ptr<pb::Message> only(whole_->New());
    read.SwapFields(whole_.get(), only.get(), {&field});
    const std::size_t size = sizes_.of(*only, json_left_);
    if (size > json_left_) {
      column.append_null();
      reason_ = fmt::format("the record's nested values have more than {} bytes as JSON",
                            kRecordJsonBytesMax);
      return;
    }
    json_left_ -= size;
    pb::util::JsonPrintOptions options;
    options.preserve_proto_field_names = true;
    options.always_print_primitive_fields = true;
    json_.clear();
    const bool printed = pb::util::MessageToJsonString(*only, &json_, options).ok();
    const auto document = nlohmann::json::parse(printed ? json_ : "", nullptr, false);
    if (!document.is_object() || !document.contains(field.name())) {
      column.append_null();
      reason_ = "the value cannot be shown as JSON";
      return;
    }
    values_.nested(
        document[field.name()].dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
        column, reason_);
  }

  std::shared_ptr<const ProtobufSchema> schema_;
  columns::Schema fields_;
  std::vector<std::size_t> none_;
  pb::DynamicMessageFactory factory_;
  std::map<const pb::Descriptor*, MessagePlan> plans_;
  std::vector<std::int64_t> indexes_, last_indexes_;
  const MessagePlan* last_ = nullptr;
  std::vector<Found> found_;
  std::unique_ptr<pb::Message> whole_;
  ValueWriter values_;
  std::string reason_;
  std::string json_;
  JsonSize sizes_;
  std::size_t json_left_ = 0;
  bool in_bad_ = false;
};

}  // namespace

base::Result<std::unique_ptr<RecordPlan>> protobuf_plan(
    std::shared_ptr<const ProtobufSchema> schema, const columns::Schema& fields) {
  if (schema->file().message_type_count() == 0)
    return base::fail_with(base::Code::kInvalid, "the Protobuf schema has no message", "add one");
  return std::make_unique<ProtobufPlan>(std::move(schema), fields);
}

}  // namespace schema
