// Protobuf schemas: a .proto file's text, compiled with the files that it imports.
//
// Threads: immutable once parsed. Texts are .proto source, or a FileDescriptorProto in base64, as
// some clients register.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "schema/compatibility.h"
#include "schema/schema_document.h"

namespace google::protobuf {
class DescriptorPool;
class FileDescriptor;
class Descriptor;
class FieldDescriptor;
class DynamicMessageFactory;
}  // namespace google::protobuf

namespace schema {

class ProtobufSchema {
 public:
  ProtobufSchema();
  ~ProtobufSchema();
  const google::protobuf::FileDescriptor& file() const { return *file_; }
  // Which message a record is: indexes of messages, from the outermost in. Null when there is none.
  const google::protobuf::Descriptor* message(std::span<const std::int64_t> indexes) const;
  // The file as text, in one form for all spellings.
  std::string text() const;
  std::string serialized() const;  // FileDescriptorProto in base64

 private:
  friend base::Result<std::shared_ptr<const ProtobufSchema>> parse_protobuf(const ResolvedSchema&);
  base::Result<> add(const std::string& name, const std::string& text);

  std::unique_ptr<google::protobuf::DescriptorPool> pool_;
  const google::protobuf::FileDescriptor* file_ = nullptr;
};

base::Result<std::shared_ptr<const ProtobufSchema>> parse_protobuf(const ResolvedSchema& schema);

// The one field of google.protobuf.Int64Value and its like; null for all other messages.
const google::protobuf::FieldDescriptor* wrapped_value(const google::protobuf::Descriptor& message);

// Source: Confluent's rules for Protobuf: fields go by number, messages by name.
Verdict check_protobuf(const ProtobufSchema& reader, const ProtobufSchema& writer);

}  // namespace schema
