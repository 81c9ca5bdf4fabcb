// The audit: proves in = out + late + dead + filtered for every model and topic partition, and that
// the tables hold what the ledger says.
//
// Threads: one. The views are taken while no epoch runs; counting happens afterwards on them.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lake/table.h"
#include "runs/ledger.h"
#include "sql/database.h"

namespace runs {

// One model of a pipeline as the audit sees it.
struct AuditedModel {
  std::string table;
  std::vector<std::string> sources;  // the tables it reads; none for bronze
  bool appends = true;               // false: a keyed table, whose rows are groups or latest rows
  std::vector<std::string> key;      // of a keyed table
  bool behind = false;               // it has not yet taken in all that there is
};

struct AuditInput {
  std::vector<AuditedModel> models;
  std::vector<LedgerLine> ledger;
  std::map<std::string, std::shared_ptr<const lake::Snapshot>> tables;  // by name, pinned
  std::map<eventlog::TopicPartition, std::int64_t> consumed;            // offsets committed
  // What the source of a model had given before the model began (runs::beginnings).
  std::map<std::string, std::map<eventlog::TopicPartition, std::int64_t>> beginnings;
};

struct Check {
  std::string name;
  bool ok = false;
  std::string detail;
};

struct Audit {
  std::vector<LedgerLine> lines;
  std::vector<Check> checks;
  bool balanced() const;
};

base::Result<Audit> audit(const AuditInput& input, sql::Connection& connection);
nlohmann::json to_json(const Audit& audit);  // as GET /v1/audit shows it

}  // namespace runs
