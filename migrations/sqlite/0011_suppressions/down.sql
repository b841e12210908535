ALTER TABLE installation DROP COLUMN address_key;
DROP TABLE suppressions;
