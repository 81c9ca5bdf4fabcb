// Where the keys to S3 come from, in the order of AWS's own tools: environment, web identity,
// profile files, container, instance metadata.
//
// Threads: any. Temporary keys are fetched anew five minutes before they expire.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "storage/http_client.h"
#include "storage/sigv4.h"

namespace storage {

// The world as the chain sees it.
struct CredentialWorld {
  HttpClient& http;
  const base::Clock& clock;
  base::FileSystem& disk;
  std::function<std::optional<std::string>(const std::string&)> variable;  // of the environment
};
CredentialWorld real_world(HttpClient& http, const base::Clock& clock);
// The same, where a profile of AWS's files was asked for by name: the environment's keys and roles
// do not count.
CredentialWorld with_profile(CredentialWorld world, const std::string& profile);

// One section of an AWS ini file ("default", or "profile x" in config) as name -> value.
std::map<std::string, std::string> ini_section(std::string_view text, std::string_view section);

class CredentialChain {
 public:
  explicit CredentialChain(CredentialWorld world) : world_(std::move(world)) {}
  // kNotFound names every place that was looked at.
  base::Result<Credentials> credentials();
  // AWS_REGION, AWS_DEFAULT_REGION or the profile's region; nullopt when none says.
  std::optional<std::string> region() const;
  // The next call fetches anew: the server has refused these.
  void expire();

 private:
  base::Result<Credentials> find();
  std::optional<Credentials> of_environment() const;
  base::Result<std::optional<Credentials>> of_web_identity() const;
  std::optional<Credentials> of_profile() const;
  base::Result<std::optional<Credentials>> of_container() const;
  base::Result<std::optional<Credentials>> of_instance() const;
  std::string profile() const;
  std::map<std::string, std::string> profile_section() const;
  std::string variable_or(const std::string& name, const std::string& otherwise) const;

  CredentialWorld world_;
  std::mutex mutex_;
  std::optional<Credentials> cached_;
};

}  // namespace storage
