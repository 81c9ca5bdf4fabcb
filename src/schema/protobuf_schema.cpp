#include "schema/protobuf_schema.h"

#include <google/protobuf/compiler/parser.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <algorithm>

#include "base/base64.h"

namespace schema {

namespace pb = google::protobuf;

namespace {

constexpr std::string_view kOwnName = "default";
constexpr std::string_view kKnownFiles = "google/protobuf/";
constexpr std::string_view kKnownPackage = "google.protobuf";

class Errors final : public pb::io::ErrorCollector, public pb::DescriptorPool::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text.empty()) text = fmt::format("line {}, column {}: {}", line + 1, column + 1, message);
  }
  void AddError(const std::string&, const std::string& element, const pb::Message*, ErrorLocation,
                const std::string& message) override {
    if (text.empty()) text = fmt::format("{}: {}", element, message);
  }
  std::string text;
};

std::unexpected<base::Error> wrong(std::string message) {
  return base::fail_with(base::Code::kInvalid, std::move(message),
                         "correct the .proto file; protoc says the same of it");
}

base::Result<pb::FileDescriptorProto> parse_text(const std::string& text) {
  if (text.size() > kSchemaTextMax)
    return base::fail_with(base::Code::kLimit, "the schema is too large",
                           fmt::format("use at most {} bytes", kSchemaTextMax));
  TRY(check_nesting(text, kSchemaNestingMax));
  pb::FileDescriptorProto file;
  if (text.find_first_of(" ;\n") == std::string::npos) {
    const auto bytes = base::decode_base64(text);
    if (bytes && file.ParseFromString(*bytes)) return file;
  }
  Errors errors;
  pb::io::ArrayInputStream input(text.data(), static_cast<int>(text.size()));
  pb::io::Tokenizer tokens(&input, &errors);
  pb::compiler::Parser parser;
  parser.RecordErrorsTo(&errors);
  if (!parser.Parse(&tokens, &file) || !errors.text.empty())
    return wrong(errors.text.empty() ? "the schema is no .proto file" : errors.text);
  return file;
}

std::size_t count_types(const pb::DescriptorProto& message) {
  std::size_t count = 1 + static_cast<std::size_t>(message.field_size());
  for (const auto& inner : message.nested_type()) count += count_types(inner);
  return count;
}

std::string within(const std::string& scope, const std::string& name) {
  return scope.empty() ? name : scope + "." + name;
}

// The library treats messages by these names in ways of its own.
bool is_known_name(const std::string& full_name) {
  return full_name == kKnownPackage || full_name.starts_with(std::string(kKnownPackage) + ".");
}

bool takes_known_name(const std::string& scope, const pb::DescriptorProto& message) {
  const std::string name = within(scope, message.name());
  return is_known_name(name) || std::ranges::any_of(message.nested_type(), [&](const auto& inner) {
           return takes_known_name(name, inner);
         });
}

base::Result<> check_names(const pb::FileDescriptorProto& file) {
  const bool taken = is_known_name(file.package()) ||
                     std::ranges::any_of(file.message_type(), [&](const auto& message) {
                       return takes_known_name(file.package(), message);
                     });
  if (!taken) return {};
  return base::fail_with(base::Code::kInvalid,
                         "the schema defines names of google.protobuf, which are the library's own",
                         "give it another package; import google/protobuf/*.proto to use them");
}

const pb::FileDescriptor* known_file(const std::string& name) {
  if (!name.starts_with(kKnownFiles)) return nullptr;
  static_cast<void>(pb::Timestamp::descriptor());  // links the library's own files
  static_cast<void>(pb::Duration::descriptor());
  static_cast<void>(pb::Int64Value::descriptor());
  return pb::DescriptorPool::generated_pool()->FindFileByName(name);
}

base::Result<> add_known(const pb::FileDescriptor& known, pb::DescriptorPool& pool) {
  if (pool.FindFileByName(known.name()) != nullptr) return {};
  for (int i = 0; i < known.dependency_count(); ++i) TRY(add_known(*known.dependency(i), pool));
  pb::FileDescriptorProto copy;
  known.CopyTo(&copy);
  if (pool.BuildFile(copy) != nullptr) return {};
  return wrong(fmt::format("import \"{}\" cannot be built", known.name()));
}

}  // namespace

const pb::FieldDescriptor* wrapped_value(const pb::Descriptor& message) {
  if (message.file()->name() != "google/protobuf/wrappers.proto") return nullptr;
  return message.FindFieldByNumber(1);
}

ProtobufSchema::ProtobufSchema() : pool_(std::make_unique<pb::DescriptorPool>()) {}
ProtobufSchema::~ProtobufSchema() = default;

base::Result<> ProtobufSchema::add(const std::string& name, const std::string& text) {
  pb::FileDescriptorProto file = TRY(parse_text(text));
  if (file.syntax().empty()) file.set_syntax("proto2");
  std::size_t types = 0;
  for (const auto& message : file.message_type()) types += count_types(message);
  if (types > kSchemaNodesMax)
    return base::fail_with(base::Code::kLimit,
                           fmt::format("the schema has more than {} fields", kSchemaNodesMax),
                           "split it by references");
  TRY(check_names(file));
  file.set_name(name);
  for (const std::string& import : file.dependency()) {
    if (pool_->FindFileByName(import) != nullptr) continue;
    if (const auto* known = known_file(import)) {
      TRY(add_known(*known, *pool_));
      continue;
    }
    return base::fail_with(base::Code::kInvalid, fmt::format("import \"{}\" is not there", import),
                           "register it, and name it among the references (no circles)");
  }
  Errors errors;
  file_ = pool_->BuildFileCollectingErrors(file, &errors);
  if (file_ == nullptr) return wrong(errors.text);
  return {};
}

base::Result<std::shared_ptr<const ProtobufSchema>> parse_protobuf(const ResolvedSchema& schema) {
  auto made = std::make_shared<ProtobufSchema>();
  for (const auto& [name, text] : schema.references) {
    if (known_file(name) != nullptr || made->pool_->FindFileByName(name) != nullptr) continue;
    if (auto added = made->add(name, text); !added)
      return std::unexpected(std::move(added).error().in("reference " + name));
  }
  TRY(made->add(std::string(kOwnName), schema.text));
  return made;
}

const pb::Descriptor* ProtobufSchema::message(std::span<const std::int64_t> indexes) const {
  const pb::Descriptor* at = nullptr;
  for (const std::int64_t index : indexes) {
    const int count = at == nullptr ? file_->message_type_count() : at->nested_type_count();
    if (index < 0 || index >= count) return nullptr;
    const int i = static_cast<int>(index);
    at = at == nullptr ? file_->message_type(i) : at->nested_type(i);
  }
  return at;
}

std::string ProtobufSchema::text() const { return file_->DebugString(); }

std::string ProtobufSchema::serialized() const {
  pb::FileDescriptorProto proto;
  file_->CopyTo(&proto);
  return base::encode_base64(proto.SerializeAsString());
}

}  // namespace schema
