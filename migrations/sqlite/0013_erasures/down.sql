-- The code before this migration does not know the reason of suppressions. Addresses that are erased get no mail as before.
UPDATE suppressions SET reason = 'blocked' WHERE reason = 'erased';
DROP TABLE erasures;
