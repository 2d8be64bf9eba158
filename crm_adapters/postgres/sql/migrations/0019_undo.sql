-- Runs that undo others, and deliveries of runs, which stand behind those of single calls (decisions 106 to 110).

alter table import_run add column undo jsonb;

-- The events of a run, by which it is undone.
create index event_import on event (request_id, record, version) where left(request_id, 7) = 'import ';

-- Deliveries with 0 are sent before those with 1 to the same endpoint.
alter table delivery add column priority smallint not null default 0;
drop index delivery_due;
create index delivery_due on delivery (webhook, priority, next_at) where finished_at is null;
