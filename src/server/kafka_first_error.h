// The first error code in an answer, for metrics: a walk over the fields of the message.
#pragma once

#include "protocol/kafka/shape.h"

namespace server {

class KafkaFirstError {
 public:
  template <class Message>
  static protocol::kafka::ErrorCode of(const Message& message) {
    KafkaFirstError walk;
    Message::fields(message, walk);
    return walk.found_;
  }

  // Called by `fields`.
  template <class T>
  void operator()(const T& value, protocol::kafka::FieldShape = {}) {
    look(value);
  }

 private:
  bool done() const { return found_ != protocol::kafka::ErrorCode::kNone; }

  void look(protocol::kafka::ErrorCode value) {
    if (!done()) found_ = value;
  }
  template <class T>
  void look(const std::vector<T>& values) {
    if constexpr (requires(const T& t, KafkaFirstError& walk) { T::fields(t, walk); }) {
      for (const T& value : values) {
        if (done()) return;
        T::fields(value, *this);
      }
    }
  }
  template <class T>
  void look(const std::optional<T>& value) {
    if (value) look(*value);
  }
  template <class T>
  void look(const T& value) {
    if constexpr (requires(KafkaFirstError& walk) { T::fields(value, walk); }) {
      T::fields(value, *this);
    }
  }

  protocol::kafka::ErrorCode found_ = protocol::kafka::ErrorCode::kNone;
};

}  // namespace server
