// Confluent's schema registry API over a schema::Registry: request in, answer out.
// Source: Confluent Schema Registry API reference, 8.x.
//
// Threads: any. The registry outlives it.
#pragma once

#include "schema/registry.h"
#include "server/http_message.h"

namespace server {

class RegistryApi {
 public:
  explicit RegistryApi(schema::Registry& registry) : registry_(registry) {}

  Response answer(const Request& request);

 private:
  using Json = nlohmann::json;
  using Reply = schema::Answer<Json>;

  Reply route(const Request& request);
  Reply subjects(const Request& request);
  Reply versions(const Request& request, const std::string& subject);
  Reply version(const Request& request, const std::string& subject, const std::string& version);
  Reply lookup(const Request& request, const std::string& subject);
  Reply schemas(const Request& request);
  Reply by_id(const Request& request);
  Reply config(const Request& request);
  Reply mode(const Request& request);
  Reply compatibility(const Request& request);

  Json shown(const schema::SchemaVersion& version) const;
  std::string text_of(const schema::SchemaDocument& document, const std::string& format) const;

  schema::Registry& registry_;
};

}  // namespace server
