#!/usr/bin/env bash
# `make demo`: a project in demo/ with real history in its drop folders, and Waybill running on it.
set -euo pipefail
cd "$(dirname "$0")/.."
project=${WAYBILL_DEMO:-demo}
shared=${WAYBILL_SHARED:-../shared}

[ -f "$project/waybill.yaml" ] || build/release/waybill init "$project"
.deps/venv/bin/python tools/history.py "$project"
scms="$shared/data/scms/SCMS_Delivery_History_Dataset.csv"
target="$project/inbox/deliveries/SCMS_Delivery_History_Dataset.csv"
if [ -f "$target" ]; then
  :
elif [ -f "$scms" ]; then
  mkdir -p "$(dirname "$target")" && cp "$scms" "$target"
else
  echo "demo: no SCMS delivery history at $scms; set WAYBILL_SHARED, or drop the file into $project/inbox/deliveries at any time"
fi

cat <<T
demo: the page is at http://127.0.0.1:8080 when Waybill says that it is ready; in another shell try
  psql -h 127.0.0.1 -p 5433 waybill -c 'SELECT shipment_mode, sum(late) AS late FROM gold.delivery_performance GROUP BY 1 ORDER BY 2 DESC'
  build/release/waybill --project $project audit
T
exec build/release/waybill --project "$project" --log-level warn up "$@"
