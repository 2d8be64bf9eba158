-- The statements of the change feed, in the form of statements.sql. An event belongs to the batch of the first tick that
-- shows it: by its snapshot, or because the event is older than the numbering of its transactions (`first_seq`).

-- name: advance_feed
-- Make a tick if an event is committed that the newest one does not show. The number and the snapshot are of one moment,
-- so ticks only grow; of two that are made at once one is kept. Returns the newest tick of before or now, and whether
-- the transaction ids of the server are others than the tick's: then there is no new one until `close_era`.
with newest as (
    select id, tag, snapshot, first_seq, tick.system_identifier,
        tick.system_identifier <> control.system_identifier as is_foreign
    from tick, pg_control_system() as control
    order by id desc limit 1
), made as (
    insert into tick (id, snapshot, system_identifier, first_seq, last_seq)
    select id + 1, pg_current_snapshot(), system_identifier, first_seq, (select coalesce(max(seq), 0) from event)
    from newest
    where not is_foreign and (
        exists (
            select from event
            where xid >= pg_snapshot_xmax(newest.snapshot) and xid < pg_snapshot_xmax(pg_current_snapshot())
                and seq >= newest.first_seq)
        or exists (
            select from event
            where xid = any(array(select pg_snapshot_xip(newest.snapshot))) and seq >= newest.first_seq)
    )
    on conflict do nothing
    returning id, tag
)
select coalesce(made.id, newest.id), coalesce(made.tag, newest.tag), is_foreign from newest left join made on true

-- name: lock_writers
-- Wait for all writers, and let no new ones begin until the end of the transaction.
lock table event in share mode

-- name: close_era
-- Make the tick that closes the numbering of another server. No writer is under way, so all events are there.
insert into tick (id, snapshot, system_identifier, is_closing, first_seq, last_seq)
select newest.id + 1, pg_current_snapshot(), control.system_identifier, true, highest.seq + 1, highest.seq
from (select id, system_identifier from tick order by id desc limit 1) as newest,
    pg_control_system() as control, (select coalesce(max(seq), 0) as seq from event) as highest
where newest.system_identifier <> control.system_identifier
on conflict do nothing

-- name: oldest_tick
select id, tag from tick order by id limit 1

-- name: read_feed
-- The events of some resources after a position, in order: batch by batch, in each batch commit by commit in the order
-- of their last events, in each commit by seq. The last event of a commit is found by the index (xid, seq), so that a
-- page costs the same in a batch of a million. A closing batch has two numberings of transactions: it goes by seq alone.
-- Events are ordered and counted without their changes, as rows with these take long to sort: only those of the page are
-- read again, and composed. The first row says what the page is: whether the position is known, the newest tick, how many
-- events were scanned and found, and where the span of ticks and what was scanned end.
with here as (
    select here.id from tick as here
    where here.id = %(tick)s and substr(uuid_send(here.tag), 1, 4) = %(tag)b
        and (not %(is_inside)s or exists (select from tick as before where before.id = here.id - 1))
), span as (
    select
        next.id, substr(uuid_send(next.tag), 1, 4) as tag, next.snapshot, next.first_seq, next.last_seq, next.is_closing,
        prev.snapshot as prev_snapshot, prev.first_seq as prev_first_seq, prev.last_seq as prev_last_seq,
        case when %(is_inside)s and next.id = here.id then %(last)s else 0 end as after_last,
        case when %(is_inside)s and next.id = here.id then %(seq)s else 0 end as after_seq
    from here
    join tick as next on next.id >= case when %(is_inside)s then here.id else here.id + 1 end
    join tick as prev on prev.id = next.id - 1
    order by next.id limit %(ticks)s
), scanned as (
    select span.id as tick, span.tag, own.*, row_number() over () as place
    from span, lateral (
        select
            one.seq as last, own.seq, own.resource,
            pg_column_size(own.changes) + coalesce(pg_column_size(own.cause), 0) as stored_bytes,
            pg_column_compression(own.changes) is not null or pg_column_compression(own.cause) is not null
                as is_compressed
        from event as one, lateral (
            (select event.* from event
             where not span.is_closing and event.xid = one.xid and event.seq between span.first_seq and one.seq
                 and (one.seq > span.after_last or event.seq > span.after_seq)
             order by event.seq limit %(scan)s)
            union all
            select one.* where span.is_closing and one.seq > span.after_seq
        ) as own
        where one.seq between greatest(span.after_last, (
                -- `+ 0`: the lowest seq of these transactions, not the first event by seq that has such a transaction
                select coalesce(least(
                    (select min(seq + 0) from event
                     where not span.is_closing and seq >= span.first_seq
                         and xid >= pg_snapshot_xmax(span.prev_snapshot) and xid < pg_snapshot_xmax(span.snapshot)),
                    (select min(seq + 0) from event
                     where span.is_closing and xid >= pg_snapshot_xmax(span.prev_snapshot)),
                    (select min(seq + 0) from event
                     where seq >= span.prev_first_seq
                         and xid = any(array(select pg_snapshot_xip(span.prev_snapshot)))),
                    case when span.is_closing then span.prev_last_seq + 1 end), span.last_seq + 1)
                where span.after_last = 0))
            and span.last_seq
            and (one.seq < span.first_seq or pg_visible_in_snapshot(one.xid, span.snapshot))
            and not (one.seq < span.prev_first_seq
                or one.seq <= span.prev_last_seq and pg_visible_in_snapshot(one.xid, span.prev_snapshot))
            and (span.is_closing or not exists (
                select from event as later where later.xid = one.xid and later.seq > one.seq))
        order by one.seq, own.seq limit %(scan)s
    ) as own
    limit %(scan)s
), found as (
    select *, row_number() over upto as number, sum(stored_bytes) over upto as bytes
    from scanned
    where resource = any(%(resources)s::text[])
    window upto as (order by place rows unbounded preceding)
    order by place limit %(limit)s + 1
), sized as (
    -- Sizes as they are stored come first: no more is decompressed than may fit.
    select number, tick, tag, last, seq, sum(%(bare_bytes)s + case
        when is_compressed then (
            select octet_length(changes::text) + coalesce(octet_length(cause::text), 0)
            from event where event.seq = found.seq)
        else stored_bytes end) over (order by number rows unbounded preceding) as bytes
    from found
    where number <= %(limit)s and (number = 1 or bytes <= %(most_bytes)s)
), scan_end as (
    select tick, tag, last, seq from scanned order by place desc limit 1
), span_end as (
    select id, tag from span order by id desc limit 1
)
select
    0 as number, null::bigint as tick, null::bytea as tag, null::bigint as last, null::bigint as seq, null as xid,
    null as resource, null::bytea as body,
    (select count(*) from here) as known, (select max(id) from tick) as newest,
    (select count(*) from scanned) as scanned, (select count(*) from found) as found, span_end.*, scan_end.*
from (select) as page left join span_end on true left join scan_end on true
union all
select
    number, tick, tag, last, seq, xid::text, resource,
    convert_to(concat(
        '{"resource":"', resource, '","record":"', record, '","version":', version, ',"kind":"', kind,
        '","at":"', replace(to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), '.000000Z', 'Z'),
        '","actor":', coalesce(actor::text, 'null'), ',"actor_name":', to_json(actor_name),
        ',"request_id":', to_json(request_id), ',"transaction":"', xid,
        '","changes":', changes, ',"cause":', coalesce(cause, '{}'), '}'), 'UTF8') as body,
    null, null, null, null, null, null, null, null, null, null
from sized join event using (seq)
where number = 1 or bytes <= %(most_bytes)s
order by number

-- name: forget_ticks
-- Delete the ticks before the newest one that is older than a time, except the newest of all; some at a time.
delete from tick where id in (
    select id from tick where id < (select max(id) from tick where at < %(before)s) order by id limit %(limit)s)
returning id

-- name: follower_cursor
select cursor from follower where name = %(name)s

-- name: save_follower_cursor
insert into follower (name, cursor) values (%(name)s, %(cursor)s)
on conflict (name) do update set cursor = excluded.cursor, saved_at = now()

-- name: is_foreign_era
-- Whether the newest tick was made by another server.
select tick.system_identifier <> control.system_identifier
from tick, pg_control_system() as control order by id desc limit 1
