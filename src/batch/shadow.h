// A shadow run: a candidate version of a model beside the one that works, over the same pinned
// inputs. The old version runs twice, so that what differs by itself (the clock, chance, the order
// of sums) is known and taken off. Nothing is written to any table.
//
// Threads: free functions; each run has an engine of its own.
#pragma once

#include <string>

#include "batch/model_run.h"

namespace batch {

struct ShadowRequest {
  runs::Model old_model;
  runs::Model candidate;
  std::string from;  // values of the first partition column, both included; "" = all rows
  std::string to;
  double tolerance = 0;  // share of rows that may differ beyond the noise
  std::size_t samples = 3;
};
struct ShadowOptions {
  std::string memory = "2GB";
  std::string spill = {};
};

// A share with its Wilson interval at 95 %.
struct Share {
  double value = 0;
  double low = 0;
  double high = 1;
};
Share wilson(std::int64_t hits, std::int64_t of);

// {"model","candidate_hash","inputs","rows","added","removed","changed","noise_rows","share":{…},
//  "tolerance","halted","columns":[{"column","match":{value,low,high},"noise":{…},"beyond_noise",
//  "differences","causes":[{"cause","rows","old","new"}],"where":{"column","value","share"}}],
//  "schema":[…],"samples":[…]}. kInvalid when the models write different tables or have no key.
base::Result<nlohmann::json> run_shadow(lake::Catalog& catalog, const ShadowOptions& options,
                                        const ShadowRequest& request);

}  // namespace batch
