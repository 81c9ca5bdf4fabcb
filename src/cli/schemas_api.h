// The schema registry for the page, to read only (docs/http-api.md): subjects, their versions, who
// uses them, and whether one version may follow another. Changes go to the registry's own listener.
//
// Threads: any.
#pragma once

#include "cli/project.h"
#include "schema/registry.h"
#include "server/platform.h"

namespace cli {

class SchemasApi {
 public:
  // `registry` null: it is elsewhere.
  SchemasApi(const schema::Registry* registry, const Project& project)
      : registry_(registry), project_(project) {}

  static bool answers(const server::RoomCall& call);
  base::Result<nlohmann::json> answer(const server::RoomCall& call) const;

 private:
  nlohmann::json subjects() const;
  nlohmann::json headline(const std::string& subject) const;
  base::Result<nlohmann::json> subject(const std::string& name) const;
  base::Result<nlohmann::json> compare(const std::string& name, const std::string& from,
                                       const std::string& to) const;

  const schema::Registry* registry_;
  const Project& project_;
};

}  // namespace cli
