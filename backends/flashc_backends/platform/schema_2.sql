-- Version 2: traces and deadlines.
ALTER TABLE job ADD COLUMN parent_span TEXT;
ALTER TABLE job ADD COLUMN deadline REAL;

CREATE TABLE span (             -- jobs that ended, and requests to load balancers
    number INTEGER PRIMARY KEY,
    trace TEXT NOT NULL,
    span TEXT NOT NULL,
    parent TEXT,
    endpoint TEXT NOT NULL,
    label TEXT NOT NULL,
    name TEXT NOT NULL,
    start REAL NOT NULL,
    finish REAL NOT NULL,
    status TEXT NOT NULL,
    worker TEXT,
    job TEXT,
    UNIQUE (trace, span)
)
