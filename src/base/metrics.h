// Counters, gauges and histograms by Prometheus' names, gathered by the HTTP listener as text
// format 0.0.4. Threads: any.
#pragma once

#include <map>
#include <string>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

namespace base {

using Labels = std::map<std::string, std::string>;

// The same name and labels give the same object; it lives as long as the process. A histogram's
// unit is seconds and its buckets go from 0.5 ms to 60 s.
prometheus::Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
prometheus::Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
prometheus::Histogram& histogram(const std::string& name, const std::string& help,
                                 const Labels& labels = {});

std::string metrics_text();

}  // namespace base
