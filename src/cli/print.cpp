#include "cli/print.h"

#include <fmt/format.h>

#include <algorithm>

namespace cli {
namespace {

using nlohmann::json;

constexpr std::size_t kWidthMax = 60;

std::size_t width_of(const std::string& text) {  // code points
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string fit(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  if (width_of(text) <= kWidthMax) return text;
  std::size_t at = 0;
  for (std::size_t points = 0; at < text.size(); ++at) {
    if ((static_cast<unsigned char>(text[at]) & 0xC0) != 0x80 && ++points == kWidthMax) break;
  }
  return text.substr(0, at) + "…";
}

bool is_number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isdigit(c) != 0 || c == '.' || c == '-' || c == '+' || c == 'e';
  });
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

std::string filtered_text(const json& filtered) {
  std::vector<std::string> parts;
  for (const auto& [name, n] : filtered.items())
    parts.push_back(fmt::format("{} {}", name, n.get<std::int64_t>()));
  return parts.empty() ? "0" : fmt::format("{}", fmt::join(parts, ", "));
}

}  // namespace

std::string cell(const json& value) {
  if (value.is_null()) return "";
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string table(const std::vector<std::string>& header,
                  const std::vector<std::vector<std::string>>& rows) {
  const std::size_t columns = header.size();
  std::vector<std::size_t> widths(columns);
  std::vector<bool> numbers(columns, !rows.empty());
  for (std::size_t i = 0; i < columns; ++i) {
    widths[i] = width_of(header[i]);
    for (const auto& row : rows) {
      widths[i] = std::max(widths[i], width_of(fit(row[i])));
      numbers[i] = numbers[i] && (row[i].empty() || is_number(row[i]));
    }
  }
  std::string out;
  const auto line = [&](const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < columns; ++i) {
      const std::string text = fit(cells[i]);
      const std::string pad(widths[i] - width_of(text), ' ');
      out += (i == 0 ? "" : "  ") + (numbers[i]         ? pad + text
                                     : i + 1 == columns ? text
                                                        : text + pad);
    }
    out += '\n';
  };
  line(header);
  for (std::size_t i = 0; i < columns; ++i)
    out += (i == 0 ? "" : "  ") + std::string(widths[i], '-');
  out += '\n';
  for (const auto& row : rows) line(row);
  return out;
}

std::string print_runs(const json& runs) {
  std::vector<std::vector<std::string>> rows;
  for (const json& r : runs) {
    rows.push_back({cell(r["run"]), cell(r["model_version"]), cell(r["mode"]),
                    cell(r["started_at"]), fmt::format("{:.1f}", r.value("elapsed_ms", 0.0)),
                    cell(r["in"]), cell(r["out"]), cell(r["late"]), cell(r["dead"]),
                    filtered_text(r["filtered"]), cell(r["table_version"])});
  }
  return table({"run", "logic", "mode", "started at", "ms", "in", "out", "late", "dead", "filtered",
                "table version"},
               rows);
}

std::string print_plan(const json& plan) {
  std::string text = fmt::format("{}: {}, {}, {}\n", cell(plan.at("model")), cell(plan.at("shape")),
                                 cell(plan.at("mode")), cell(plan.at("state_of_work")));
  if (plan.contains("watermark")) text += fmt::format("watermark {}\n", cell(plan["watermark"]));
  for (const json& source : plan.value("reads", json::array()))
    text += fmt::format("reads {} ({})\n", cell(source["table"]), cell(source["as"]));
  for (const json& stage : plan.at("stages")) {
    text += fmt::format("\n{}\n", cell(stage.at("stage")));
    for (const auto& [key, name] :
         {std::pair{"name", "gives"}, std::pair{"reads", "reads"}, std::pair{"sql", "runs"},
          std::pair{"state", "keeps"}, std::pair{"bounded_by", "until"}}) {
      if (stage.contains(key)) text += fmt::format("  {}: {}\n", name, cell(stage[key]));
    }
  }
  return text;
}

std::string print_audit(const json& audit) {
  std::vector<std::vector<std::string>> rows;
  for (const json& l : audit["lines"]) {
    rows.push_back({cell(l["model"]), fmt::format("{}/{}", cell(l["topic"]), cell(l["partition"])),
                    cell(l["in"]), cell(l["out"]), cell(l["late"]), cell(l["dead"]),
                    filtered_text(l["filtered"]),
                    l["balanced"].get<bool>() ? "=" : "MISSING ROWS"});
  }
  std::string out =
      table({"model", "partition", "in", "out", "late", "dead", "filtered", ""}, rows);
  std::size_t good = 0;
  for (const json& c : audit["checks"]) {
    if (c["ok"].get<bool>()) {
      ++good;
    } else {
      out += fmt::format("NOT TRUE: {} ({})\n", cell(c["check"]), cell(c["detail"]));
    }
  }
  out += fmt::format("{} of {} checks of the tables hold\n", good, audit["checks"].size());
  out += audit["balanced"].get<bool>() ? "balanced: in = out + late + dead + filtered, everywhere\n"
                                       : "NOT BALANCED\n";
  return out;
}

std::string print_dead_letters(const json& letters) {
  std::vector<std::vector<std::string>> rows;
  for (const json& l : letters) {
    const std::string place =
        l["file"].is_null()
            ? fmt::format("{}/{}@{}", cell(l["topic"]), cell(l["partition"]), cell(l["offset"]))
            : fmt::format("{}:{}", cell(l["file"]), cell(l["line"]));
    rows.push_back({cell(l["id"]), cell(l["time"]), place, cell(l["field"]), cell(l["reason"])});
  }
  return table({"id", "time", "place", "field", "reason"}, rows);
}

std::string print_status(const json& status) {
  std::vector<std::vector<std::string>> pipelines;
  for (const json& p : status["pipelines"]) {
    pipelines.push_back({cell(p["name"]), cell(p["mode"]), cell(p["state"]), cell(p["epoch"]),
                         cell(p["lag_records"]),
                         fmt::format("{:.0f}", p.value("records_per_second", 0.0)),
                         cell(p["committed_at"]), p.contains("error") ? cell(p["error"]) : ""});
  }
  std::vector<std::vector<std::string>> tables;
  for (const json& t : status["tables"])
    tables.push_back(
        {cell(t["name"]), cell(t["version"]), cell(t["rows"]), cell(t["files"]), cell(t["bytes"])});
  return table({"pipeline", "mode", "state", "epoch", "lag", "records/s", "committed at", "error"},
               pipelines) +
         "\n" + table({"table", "version", "rows", "files", "bytes"}, tables);
}

std::string print_sql(const json& answer, const std::string& format) {
  if (format == "json") return answer.dump(2) + "\n";
  std::vector<std::string> header;
  for (const json& column : answer["columns"]) header.push_back(cell(column["name"]));
  std::vector<std::vector<std::string>> rows;
  for (const json& row : answer["rows"]) {
    std::vector<std::string> cells;
    for (const json& value : row) cells.push_back(cell(value));
    rows.push_back(std::move(cells));
  }
  if (format == "csv") {
    std::string out;
    rows.insert(rows.begin(), header);
    for (auto& row : rows) {
      std::transform(row.begin(), row.end(), row.begin(), csv_field);
      out += fmt::format("{}\n", fmt::join(row, ","));
    }
    return out;
  }
  std::string out =
      table(header, rows) + fmt::format("({} row{})\n", rows.size(), rows.size() == 1 ? "" : "s");
  if (answer.value("truncated", false)) out += "more rows were left out: raise --limit\n";
  return out;
}

}  // namespace cli
