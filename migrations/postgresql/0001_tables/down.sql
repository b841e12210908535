-- Only the ledger: events and participants belong to the application.
DROP TABLE IF EXISTS deliveries;
DROP TABLE IF EXISTS notifications;
