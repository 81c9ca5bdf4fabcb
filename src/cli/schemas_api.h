// The schema registry for the page, to read only (docs/http-api.md): subjects, their versions, who
// uses them, and whether one version may follow another. Changes go to the registry's own listener.
//
// Threads: any.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/project.h"
#include "schema/registry.h"
#include "server/platform.h"

namespace cli {

class SchemasApi {
 public:
  // `registry` null: it is elsewhere.
  SchemasApi(const schema::Registry* registry, const Project& project, sql::Database& engine)
      : registry_(registry), project_(project), engine_(engine) {}

  static bool answers(const server::RoomCall& call);
  base::Result<nlohmann::json> answer(const server::RoomCall& call) const;

 private:
  using Readers = std::map<std::string, std::vector<std::string>>;  // of tables
  base::Result<Readers> readers() const;
  base::Result<nlohmann::json> subjects() const;
  nlohmann::json headline(const std::string& subject, const Readers& readers) const;
  base::Result<nlohmann::json> subject(const std::string& name) const;
  base::Result<nlohmann::json> compare(const std::string& name, const std::string& from,
                                       const std::string& to) const;

  const schema::Registry* registry_;
  const Project& project_;
  sql::Database& engine_;
};

}  // namespace cli
