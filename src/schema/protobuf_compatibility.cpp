// check_protobuf(): fields by number, messages by name; each reason is tried out on a message.
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/json_util.h>

#include <map>
#include <set>

#include "schema/protobuf_schema.h"

namespace schema {

namespace pb = google::protobuf;

namespace {

using Field = pb::FieldDescriptor;

// Kinds that read each other's bytes.
std::string_view kind_of(const Field& field) {
  switch (field.type()) {
    case Field::TYPE_INT32:
    case Field::TYPE_UINT32:
    case Field::TYPE_INT64:
    case Field::TYPE_UINT64:
    case Field::TYPE_BOOL:
    case Field::TYPE_ENUM:
      return "varint";
    case Field::TYPE_SINT32:
    case Field::TYPE_SINT64:
      return "zigzag";
    case Field::TYPE_FIXED32:
    case Field::TYPE_SFIXED32:
      return "fixed32";
    case Field::TYPE_FIXED64:
    case Field::TYPE_SFIXED64:
      return "fixed64";
    case Field::TYPE_STRING:
    case Field::TYPE_BYTES:
      return "bytes";
    case Field::TYPE_MESSAGE:
      return "message";
    case Field::TYPE_GROUP:
      return "group";
    case Field::TYPE_FLOAT:
      return "float";
    case Field::TYPE_DOUBLE:
      return "double";
  }
  return "";
}

void set_sample(pb::Message& message, const Field& field) {
  const pb::Reflection& to = *message.GetReflection();
  const bool many = field.is_repeated();
  switch (field.cpp_type()) {
    case Field::CPPTYPE_INT32:
      return many ? to.AddInt32(&message, &field, 7) : to.SetInt32(&message, &field, 7);
    case Field::CPPTYPE_INT64:
      return many ? to.AddInt64(&message, &field, 7) : to.SetInt64(&message, &field, 7);
    case Field::CPPTYPE_UINT32:
      return many ? to.AddUInt32(&message, &field, 7) : to.SetUInt32(&message, &field, 7);
    case Field::CPPTYPE_UINT64:
      return many ? to.AddUInt64(&message, &field, 7) : to.SetUInt64(&message, &field, 7);
    case Field::CPPTYPE_DOUBLE:
      return many ? to.AddDouble(&message, &field, 1.5) : to.SetDouble(&message, &field, 1.5);
    case Field::CPPTYPE_FLOAT:
      return many ? to.AddFloat(&message, &field, 1.5F) : to.SetFloat(&message, &field, 1.5F);
    case Field::CPPTYPE_BOOL:
      return many ? to.AddBool(&message, &field, true) : to.SetBool(&message, &field, true);
    case Field::CPPTYPE_STRING:
      return many ? to.AddString(&message, &field, "a") : to.SetString(&message, &field, "a");
    case Field::CPPTYPE_ENUM: {
      const auto& type = *field.enum_type();
      const auto* value = type.value(type.value_count() - 1);
      return many ? to.AddEnum(&message, &field, value) : to.SetEnum(&message, &field, value);
    }
    case Field::CPPTYPE_MESSAGE:
      if (!many) to.MutableMessage(&message, &field);
      if (many && !field.is_map()) to.AddMessage(&message, &field);
      return;
  }
}

nlohmann::json json_of(const pb::Message& message) {
  std::string text;
  pb::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  if (!pb::util::MessageToJsonString(message, &text, options).ok()) return {};
  return nlohmann::json::parse(text, nullptr, false);
}

class Comparison {
 public:
  Comparison(const ProtobufSchema& reader, const ProtobufSchema& writer)
      : reader_(reader), writer_(writer) {}

  Verdict run() {
    if (reader_.file().package() != writer_.file().package()) {
      add("PACKAGE_CHANGED", "#/",
          fmt::format("The package changed from '{}' to '{}'", writer_.file().package(),
                      reader_.file().package()),
          "keep the package");
    }
    for (int i = 0; i < writer_.file().message_type_count(); ++i) {
      const auto* from = writer_.file().message_type(i);
      compare_named(*from, reader_.file().FindMessageTypeByName(from->name()), "#/");
    }
    return std::move(verdict_);
  }

 private:
  void add(std::string_view type, const std::string& path, std::string what, std::string mend) {
    if (verdict_.reasons.size() >= kIncompatibilitiesMax) return;
    verdict_.reasons.push_back(
        {std::string(type), path, fmt::format("{} (path '{}')", what, path), "", std::move(mend)});
  }

  void compare_named(const pb::Descriptor& from, const pb::Descriptor* to,
                     const std::string& path) {
    if (from.options().map_entry()) return;
    const std::string at = path + from.name() + "/";
    if (to == nullptr) {
      add("MESSAGE_REMOVED", at, fmt::format("The message {} is not there", from.full_name()),
          "keep the message, even if nothing uses it");
      if (!verdict_.example)
        verdict_.example = {nlohmann::json{{"message", from.full_name()}, {"value", {}}},
                            fmt::format("there is no message {}", from.full_name())};
      return;
    }
    compare(from, *to, at);
    for (int i = 0; i < from.nested_type_count(); ++i) {
      const auto* inner = from.nested_type(i);
      compare_named(*inner, to->FindNestedTypeByName(inner->name()), at);
    }
  }

  void compare(const pb::Descriptor& from, const pb::Descriptor& to, const std::string& path) {
    for (int i = 0; i < to.field_count(); ++i) {
      const Field& field = *to.field(i);
      const Field* source = from.FindFieldByNumber(field.number());
      const std::string at = fmt::format("{}{}", path, field.number());
      if (source != nullptr) {
        compare_fields(*source, field, at);
      } else if (field.is_required()) {
        add("REQUIRED_FIELD_ADDED", at, fmt::format("The field '{}' is required", field.name()),
            "make it optional");
        try_out(from, to, {});
      }
    }
    for (int i = 0; i < from.field_count(); ++i) {
      const Field& field = *from.field(i);
      if (to.FindFieldByNumber(field.number()) != nullptr) continue;
      const std::string at = fmt::format("{}{}", path, field.number());
      if (field.is_required())
        add("REQUIRED_FIELD_REMOVED", at, fmt::format("The field '{}' was required", field.name()),
            "keep it, or make it optional first");
      if (field.real_containing_oneof() != nullptr)
        add("ONEOF_FIELD_REMOVED", at,
            fmt::format("The field '{}' of a oneof is not there", field.name()), "keep it");
      if (field.real_containing_oneof() != nullptr) try_out(from, to, {&field});
    }
    compare_oneofs(from, to, path);
  }

  void compare_fields(const Field& from, const Field& to, const std::string& path) {
    const auto kind_from = kind_of(from);
    const auto kind_to = kind_of(to);
    const auto* writer = from.containing_type();
    const auto* reader = to.containing_type();
    if (from.is_required() != to.is_required() && to.is_required()) {
      add("REQUIRED_FIELD_ADDED", path, fmt::format("The field '{}' is required now", to.name()),
          "leave it optional");
      return try_out(*writer, *reader, {});
    }
    if (kind_from != kind_to) {
      const bool scalars = kind_from != "message" && kind_to != "message";
      add(scalars ? "FIELD_SCALAR_KIND_CHANGED" : "FIELD_KIND_CHANGED", path,
          fmt::format("The kind of field '{}' changed from {} to {}", to.name(), from.type_name(),
                      to.type_name()),
          "add a field of another number instead");
      return try_out(*writer, *reader, {&from});
    }
    if (kind_from == "message" && !from.is_map() && !to.is_map() &&
        from.message_type()->full_name() != to.message_type()->full_name()) {
      add("FIELD_NAMED_TYPE_CHANGED", path,
          fmt::format("The type of field '{}' changed from {} to {}", to.name(),
                      from.message_type()->full_name(), to.message_type()->full_name()),
          "add a field of another number instead");
      return;
    }
    if (from.is_map() && to.is_map()) {
      const auto& a = *from.message_type();
      const auto& b = *to.message_type();
      compare_fields(*a.map_key(), *b.map_key(), path + "/key");
      return compare_fields(*a.map_value(), *b.map_value(), path + "/value");
    }
    const bool numeric = kind_from != "message" && kind_from != "bytes";
    if (numeric && from.is_repeated() != to.is_repeated()) {
      add("FIELD_NUMERIC_LABEL_CHANGED", path,
          fmt::format("The field '{}' changed between one and many", to.name()),
          "add a field of another number instead");
      try_out(*writer, *reader, {&from, &from});
    }
  }

  void compare_oneofs(const pb::Descriptor& from, const pb::Descriptor& to,
                      const std::string& path) {
    for (int i = 0; i < to.real_oneof_decl_count(); ++i) {
      const auto* oneof = to.oneof_decl(i);
      std::vector<const Field*> moved;
      bool existed = false;
      for (int j = 0; j < oneof->field_count(); ++j) {
        const Field* source = from.FindFieldByNumber(oneof->field(j)->number());
        if (source == nullptr) continue;
        if (source->real_containing_oneof() != nullptr) existed = true;
        if (source->real_containing_oneof() == nullptr) moved.push_back(source);
      }
      if (moved.empty() || (moved.size() == 1 && !existed)) continue;
      add(existed ? "FIELD_MOVED_TO_EXISTING_ONEOF" : "MULTIPLE_FIELDS_MOVED_TO_ONEOF",
          path + oneof->name(), fmt::format("Fields were moved into the oneof '{}'", oneof->name()),
          "leave them outside");
      if (!existed) try_out(from, to, moved);
    }
  }

  // Writes a message with these fields and reads it back by the other schema.
  void try_out(const pb::Descriptor& from, const pb::Descriptor& to,
               const std::vector<const Field*>& fields) {
    if (verdict_.example) return;
    pb::DynamicMessageFactory factory;
    const std::unique_ptr<pb::Message> written(factory.GetPrototype(&from)->New());
    for (const Field* field : fields) set_sample(*written, *field);
    const std::string bytes = written->SerializePartialAsString();
    const std::unique_ptr<pb::Message> read(factory.GetPrototype(&to)->New());
    const nlohmann::json value = json_of(*written);
    const auto found = [&](std::string reason) {
      verdict_.example = {nlohmann::json{{"message", from.full_name()}, {"value", value}},
                          std::move(reason)};
    };
    if (!read->ParsePartialFromString(bytes)) return found("the bytes cannot be parsed");
    if (!read->IsInitialized())
      return found(fmt::format("missing required fields: {}", read->InitializationErrorString()));
    const nlohmann::json again = json_of(*read);
    if (again != value) return found(fmt::format("it is read as {}", again.dump()));
  }

  const ProtobufSchema& reader_;
  const ProtobufSchema& writer_;
  Verdict verdict_;
};

}  // namespace

Verdict check_protobuf(const ProtobufSchema& reader, const ProtobufSchema& writer) {
  return Comparison(reader, writer).run();
}

}  // namespace schema
