-- Nobody looks a plan up by its arrays, and each close writes every plan anew: figures about their elements are most of what analysing costs.
ALTER TABLE plans
    ALTER COLUMN store_ids SET STATISTICS 0,
    ALTER COLUMN rate SET STATISTICS 0,
    ALTER COLUMN shape SET STATISTICS 0,
    ALTER COLUMN variance_ratio SET STATISTICS 0,
    ALTER COLUMN shelf_days SET STATISTICS 0,
    ALTER COLUMN voucher_units SET STATISTICS 0,
    ALTER COLUMN trigger_milli SET STATISTICS 0,
    ALTER COLUMN order_up_to_milli SET STATISTICS 0,
    ALTER COLUMN statuses SET STATISTICS 0,
    ALTER COLUMN excess_day SET STATISTICS 0,
    ALTER COLUMN excess_week SET STATISTICS 0,
    ALTER COLUMN promotion_units SET STATISTICS 0,
    ALTER COLUMN stands_in_milli SET STATISTICS 0,
    ALTER COLUMN served_else SET STATISTICS 0;
ALTER TABLE item_learning
    ALTER COLUMN state SET STATISTICS 0,
    ALTER COLUMN store_ids SET STATISTICS 0,
    ALTER COLUMN learned_milli SET STATISTICS 0;
