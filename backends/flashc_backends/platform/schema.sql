-- Version 1.  Times are seconds since the epoch.
CREATE TABLE record (           -- apps, environments, builds, templates, endpoints, volumes, secrets
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    body BLOB NOT NULL          -- JSON
) WITHOUT ROWID;

CREATE TABLE job (
    sequence INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    endpoint TEXT NOT NULL,
    status TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    worker TEXT,
    low_priority INTEGER NOT NULL,
    input BLOB NOT NULL,        -- JSON, or the name of a file
    input_size INTEGER,         -- set if the input is in a file
    extra BLOB NOT NULL,
    output BLOB,
    output_size INTEGER,
    error TEXT,
    created REAL NOT NULL,
    started REAL,
    finished REAL,
    due REAL,
    expires REAL,
    ttl_at REAL NOT NULL,
    timeout REAL NOT NULL,
    retention REAL NOT NULL,
    webhook TEXT,
    traceparent TEXT
);
CREATE INDEX job_open ON job (endpoint) WHERE finished IS NULL;
CREATE INDEX job_expires ON job (expires) WHERE expires IS NOT NULL;

CREATE TABLE part (             -- parts of streams that no client has taken
    number INTEGER PRIMARY KEY,
    job TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX part_job ON part (job);

CREATE TABLE webhook (
    job TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    tries INTEGER NOT NULL,
    next_at REAL NOT NULL
) WITHOUT ROWID;
