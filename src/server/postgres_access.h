// Who may come in at the PostgreSQL door, and how it is encrypted: 'users' and 'tls' of
// waybill.yaml.
//
// Threads: values.
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/file_system.h"
#include "base/result.h"
#include "base/yaml.h"
#include "server/postgres_listener.h"

namespace server {

struct PostgresUser {
  std::string password_variable;  // of the environment; or
  std::string verifier;           // as PostgreSQL keeps it: SCRAM-SHA-256$4096:…
  std::string workload;           // "": default
  std::set<std::string> writes;   // schemas that it may change by SQL
};

struct PostgresAccess {
  std::map<std::string, PostgresUser> users;  // none: everybody on this machine
  base::Path certificate;                     // empty: no encryption
  base::Path key;
  bool encryption_required = false;

  std::map<std::string, std::string> workloads() const;         // of the users who have one
  std::map<std::string, std::set<std::string>> rights() const;  // of those who may write
};

// kInvalid with file, line and mend. Looks at no environment and opens no file.
base::Result<std::map<std::string, PostgresUser>> parse_users(const base::Yaml& yaml);
base::Result<> parse_tls(const base::Yaml& yaml, const base::Path& folder, PostgresAccess& access);

// Reads the passwords. kInvalid for a variable that is not set.
base::Result<PostgresListener::Options> listener_options(const PostgresAccess& access,
                                                         std::string address);

}  // namespace server
