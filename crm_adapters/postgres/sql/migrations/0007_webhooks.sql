-- Deliveries can be cancelled. Those of release 0.1.0 keep the request that was filled when the record changed; the
-- others are filled again at each attempt, from the record in their body.
alter table delivery drop constraint delivery_state_check;
alter table delivery add constraint delivery_state_check
    check (state in ('pending', 'sending', 'delivered', 'dead', 'cancelled'));

-- Who created a webhook; nobody knows of those that are there.
alter table webhook add column created_by bigint
    generated always as ((document ->> 'created_by')::bigint) stored references app_user (id);
create index webhook_created_by on webhook (created_by, id);
update webhook set version = version + 1, document = (left(document::text, -1) || ',"created_by":null}')::json
where document -> 'created_by' is null;
