---
table: silver.deliveries
version: 1
mode: streaming
quality: deliveries.json
description: Lines of partner deliveries as they came, typed; words in place of a date, weight or cost move to a note. A corrected line is a row of its own, with a later landed_at.
---
SELECT id,
       project_code,
       pq AS price_quote,
       po_so AS purchase_order,
       asn_dn AS shipment_id,
       country,
       managed_by,
       fulfill_via,
       vendor_inco_term AS inco_term,
       shipment_mode,
       CAST(try_strptime(pq_first_sent_to_client_date, ['%d-%b-%y', '%m/%d/%y', '%Y-%m-%d']) AS DATE) AS quoted_date,
       CASE WHEN try_strptime(pq_first_sent_to_client_date, ['%d-%b-%y', '%m/%d/%y', '%Y-%m-%d']) IS NULL
            THEN pq_first_sent_to_client_date END AS quoted_note,
       CAST(try_strptime(po_sent_to_vendor_date, ['%d-%b-%y', '%m/%d/%y', '%Y-%m-%d']) AS DATE) AS ordered_date,
       CASE WHEN try_strptime(po_sent_to_vendor_date, ['%d-%b-%y', '%m/%d/%y', '%Y-%m-%d']) IS NULL
            THEN po_sent_to_vendor_date END AS ordered_note,
       CAST(try_strptime(scheduled_delivery_date, ['%d-%b-%y', '%m/%d/%y', '%Y-%m-%d']) AS DATE) AS scheduled_date,
       CAST(try_strptime(delivered_to_client_date, ['%d-%b-%y', '%m/%d/%y', '%Y-%m-%d']) AS DATE) AS delivered_date,
       CAST(try_strptime(delivery_recorded_date, ['%d-%b-%y', '%m/%d/%y', '%Y-%m-%d']) AS DATE) AS recorded_date,
       date_diff('day',
                 CAST(try_strptime(scheduled_delivery_date, ['%d-%b-%y', '%m/%d/%y', '%Y-%m-%d']) AS DATE),
                 CAST(try_strptime(delivered_to_client_date, ['%d-%b-%y', '%m/%d/%y', '%Y-%m-%d']) AS DATE)) AS days_late,
       date_diff('day',
                 CAST(try_strptime(delivered_to_client_date, ['%d-%b-%y', '%m/%d/%y', '%Y-%m-%d']) AS DATE),
                 CAST(try_strptime(delivery_recorded_date, ['%d-%b-%y', '%m/%d/%y', '%Y-%m-%d']) AS DATE)) AS days_to_record,
       product_group,
       sub_classification,
       vendor,
       item_description,
       molecule_test_type,
       brand,
       dosage,
       dosage_form,
       unit_of_measure_per_pack AS units_per_pack,
       line_item_quantity AS quantity,
       line_item_value AS value_usd,
       pack_price AS pack_price_usd,
       unit_price AS unit_price_usd,
       manufacturing_site,
       first_line_designation = 'Yes' AS first_line,
       TRY_CAST(weight_kilograms AS DOUBLE) AS weight_kg,
       CASE WHEN TRY_CAST(weight_kilograms AS DOUBLE) IS NULL THEN weight_kilograms END AS weight_note,
       TRY_CAST(regexp_extract(weight_kilograms, '\(ID#:([0-9]+)\)', 1) AS BIGINT) AS weight_ref_id,
       TRY_CAST(freight_cost_usd AS DOUBLE) AS freight_usd,
       CASE WHEN TRY_CAST(freight_cost_usd AS DOUBLE) IS NULL THEN freight_cost_usd END AS freight_note,
       TRY_CAST(regexp_extract(freight_cost_usd, '\(ID#:([0-9]+)\)', 1) AS BIGINT) AS freight_ref_id,
       line_item_insurance_usd AS insurance_usd,
       _time AS landed_at
FROM bronze.deliveries
