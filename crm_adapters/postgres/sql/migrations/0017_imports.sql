-- Runs of imports (decision 93). The commits of a run's records move its row, so that after a kill it goes on exactly
-- where it was.

create table import_run (
    id uuid primary key,
    resource text not null,
    file text not null,
    options jsonb not null,
    digest bytea not null,
    -- Equal for two runs of the same file that would do the same.
    fingerprint bytea not null,
    -- Whether the same file cannot be imported once more unless that is asked for.
    bars boolean not null,
    state text not null,
    "row" bigint not null,
    header jsonb not null,
    report jsonb not null,
    -- The worker that has the run, and until when.
    claim uuid,
    claimed_until timestamptz,
    created_at timestamptz not null
);

create unique index import_run_bars on import_run (fingerprint) where bars;

-- The rows that are refused, as they were read: they can be mended and sent again.
create table import_refused_row (
    run uuid not null references import_run on delete cascade,
    "row" bigint not null,
    problems jsonb not null,
    cells jsonb not null,
    primary key (run, "row")
);
