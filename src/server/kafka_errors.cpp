#include "server/kafka_errors.h"

namespace server {

using protocol::kafka::ErrorCode;

ErrorCode kafka_error(base::Code code) {
  switch (code) {
    case base::Code::kInvalid:
      return ErrorCode::kInvalidRequest;
    case base::Code::kNotFound:
      return ErrorCode::kUnknownTopicOrPartition;
    case base::Code::kAlreadyExists:
      return ErrorCode::kTopicAlreadyExists;
    case base::Code::kConflict:
      return ErrorCode::kInvalidRequest;
    case base::Code::kUnavailable:
    case base::Code::kIo:
      return ErrorCode::kKafkaStorageError;
    case base::Code::kLimit:
      return ErrorCode::kPolicyViolation;
    case base::Code::kCorrupt:
      return ErrorCode::kCorruptMessage;
    case base::Code::kUnsupported:
      return ErrorCode::kUnsupportedVersion;
    case base::Code::kCancelled:
      return ErrorCode::kRequestTimedOut;
  }
  return ErrorCode::kUnknownServerError;
}

ErrorCode kafka_error(eventlog::Refusal refusal) {
  switch (refusal) {
    case eventlog::Refusal::kNone:
      return ErrorCode::kNone;
    case eventlog::Refusal::kUnknownPartition:
      return ErrorCode::kUnknownTopicOrPartition;
    case eventlog::Refusal::kCorrupt:
      return ErrorCode::kCorruptMessage;
    case eventlog::Refusal::kTooLarge:
      return ErrorCode::kMessageTooLarge;
    case eventlog::Refusal::kInvalidRecord:
      return ErrorCode::kInvalidRecord;
    case eventlog::Refusal::kOutOfOrderSequence:
      return ErrorCode::kOutOfOrderSequenceNumber;
    case eventlog::Refusal::kFencedEpoch:
      return ErrorCode::kInvalidProducerEpoch;
    case eventlog::Refusal::kNotNow:  // clients try this again
      return ErrorCode::kKafkaStorageError;
  }
  return ErrorCode::kUnknownServerError;
}

ErrorCode kafka_offset_error(base::Code code) {
  return code == base::Code::kInvalid ? ErrorCode::kOffsetOutOfRange : kafka_error(code);
}

bool is_kafka_topic_name(std::string_view name) {
  constexpr std::string_view kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  constexpr std::size_t kNameSizeMax = 249;
  return !name.empty() && name.size() <= kNameSizeMax && name != "." && name != ".." &&
         name.find_first_not_of(kLetters) == std::string_view::npos;
}

}  // namespace server
