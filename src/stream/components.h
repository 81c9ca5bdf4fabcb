// Which topics and models belong to one pipeline: what a model reads together moves together.
//
// Pure, except that models are parsed by a connection.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "runs/model.h"
#include "schema/topic_schema.h"
#include "sql/database.h"

namespace stream {

struct Component {
  std::vector<schema::TopicSchema> topics;  // by name
  std::vector<runs::Model> models;          // each after those that it reads
  // "scans", or "auctions+bids": its topics.
  std::string name() const;
};

// The pipelines of a project: topics that no model joins are each one of their own. A table that
// neither a topic nor one of the models writes counts as static when `others` has it (daily models,
// tables of the lake). kInvalid naming a model that reads an unknown table, or itself.
base::Result<std::vector<Component>> components(sql::Connection& connection,
                                                const std::vector<schema::TopicSchema>& topics,
                                                const std::vector<runs::Model>& models,
                                                const std::vector<std::string>& others);

}  // namespace stream
