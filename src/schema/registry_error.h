// What the registry refuses, by the codes of Confluent's REST API.
//
// Threads: values.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace schema {

enum class RegistryCode : int {
  kIncompatible = 409,
  kSubjectNotFound = 40401,
  kVersionNotFound = 40402,
  kSchemaNotFound = 40403,
  kSubjectSoftDeleted = 40404,
  kSubjectNotSoftDeleted = 40405,
  kVersionSoftDeleted = 40406,
  kVersionNotSoftDeleted = 40407,
  kNoSubjectConfig = 40408,
  kNoSubjectMode = 40409,
  kInvalidSchema = 42201,
  kInvalidVersion = 42202,
  kInvalidLevel = 42203,
  kInvalidMode = 42204,
  kNotPermitted = 42205,
  kReferenceExists = 42206,
  kIdMismatch = 42207,
  kInvalidSubject = 42208,
  kTooLarge = 42209,
  kStoreError = 50001,
};

struct RegistryError {
  RegistryCode code = RegistryCode::kStoreError;
  std::string message;
  int status() const {
    const int number = static_cast<int>(code);
    return number < 1000 ? number : number / 100;
  }
};

template <class T = void>
using Answer = std::expected<T, RegistryError>;

inline std::unexpected<RegistryError> refuse(RegistryCode code, std::string message) {
  return std::unexpected(RegistryError{code, std::move(message)});
}

}  // namespace schema
