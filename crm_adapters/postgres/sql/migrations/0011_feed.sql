-- The change feed (decision 64). A tick is a moment: its snapshot says which transactions had been committed. The batch
-- of a tick is what its snapshot shows and that of the tick before does not. Readers make ticks; writers do not.

create table tick (
    id bigint primary key,
    tag uuid not null default gen_random_uuid(),
    snapshot pg_snapshot not null,
    -- The server whose transaction ids the snapshot has. After a restore into another server a closing tick takes
    -- everything that was restored; from then on only events from first_seq on are compared with snapshots.
    system_identifier bigint not null,
    is_closing boolean not null default false,
    first_seq bigint not null,
    -- The highest seq that the snapshot shows.
    last_seq bigint not null,
    at timestamptz not null default clock_timestamp()
);

-- The events of a batch, and the last event of each transaction. Writers wait until the migration ends, so nothing is
-- written between the two ticks below.
create index event_xid on event (xid, seq);

-- The feed begins with all that is there. Nobody knows whether these transaction ids are this server's: a closing tick.
insert into tick (id, snapshot, system_identifier, is_closing, first_seq, last_seq)
select
    id, case id when 1 then '1:1:' else pg_current_snapshot() end, system_identifier, id = 2,
    case id when 1 then 1 else coalesce(last_seq, 0) + 1 end, case id when 1 then 0 else coalesce(last_seq, 0) end
from generate_series(1, 2) as id, pg_control_system(), (select max(seq) as last_seq from event) as events;

-- How far followers inside an embedder's process have come.
create table follower (
    name text primary key,
    cursor text not null,
    saved_at timestamptz not null default now()
);
