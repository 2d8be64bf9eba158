-- The tasks of all records in one table, for the agenda (decision 138). Triggers keep it, so it cannot drift, whoever
-- writes. Keys and names of records are not copied, but for `responsible`, which an index needs.

create table task (
    record uuid not null,
    item uuid not null,
    resource text not null,
    responsible bigint,
    user_id bigint,
    -- 'infinity' for a task without a date, which so comes last.
    due date not null,
    completed boolean not null,
    -- As the record has it. As text it is compared without a cast.
    task text not null,
    primary key (record, item)
);

-- What the tasks of a record are told apart by without reading its earlier document: a hash of 128 bits of their list,
-- empty for an empty list, null for a record that has not been written since this column was added. For a thousand tasks
-- SHA-256 would take 2 ms, a tenth of the write.
alter table client add column tasks_digest bytea;
alter table service add column tasks_digest bytea;
alter table lead add column tasks_digest bytea;

create function crm_digest(tasks text) returns bytea language sql immutable parallel safe
    return case
        when coalesce(tasks, '[]') = '[]' then ''::bytea
        else int8send(hashtextextended(tasks, 0)) || int8send(hashtextextended(tasks, 1)) end;

-- As in 0012, with the digest. As JSON the list would be parsed once more.

create or replace function client_columns() returns trigger language plpgsql as $$
declare
    tasks text;
begin
    select name, attributes, created_at, created_by, updated_at, list_of_tasks
    into new.name, new.attributes, new.created_at, new.created_by, new.updated_at, tasks
    from json_to_record(new.document) as d (
        id text, name text, attributes jsonb, created_at timestamptz, created_by bigint, updated_at timestamptz,
        list_of_tasks text)
    where d.id = new.id::text;
    new.name_folded := crm_fold(new.name);
    new.searched := crm_searched(new.name_folded, new.attributes);
    new.tasks_digest := crm_digest(tasks);
    return new;
end $$;

create or replace function service_columns() returns trigger language plpgsql as $$
declare
    tasks text;
begin
    select name, client, actual_cohort, origin_cohort, attributes, created_at, updated_at, list_of_tasks
    into new.name, new.client, new.actual_cohort, new.origin_cohort, new.attributes, new.created_at, new.updated_at,
        tasks
    from json_to_record(new.document) as d (
        id text, name text, client uuid, actual_cohort uuid, origin_cohort uuid, attributes jsonb, created_at
        timestamptz, updated_at timestamptz, list_of_tasks text)
    where d.id = new.id::text;
    new.name_folded := crm_fold(new.name);
    new.searched := crm_searched(new.name_folded, new.attributes);
    new.tasks_digest := crm_digest(tasks);
    return new;
end $$;

create or replace function lead_columns() returns trigger language plpgsql as $$
declare
    tasks text;
begin
    select name, responsible, pipeline, possible_client, stage, attributes, created_at, updated_at, list_of_tasks
    into new.name, new.responsible, new.pipeline, new.possible_client, new.stage, new.attributes, new.created_at,
        new.updated_at, tasks
    from json_to_record(new.document) as d (
        id text, name text, responsible bigint, pipeline uuid, possible_client uuid, stage text, attributes jsonb,
        created_at timestamptz, updated_at timestamptz, list_of_tasks text)
    where d.id = new.id::text;
    new.name_folded := crm_fold(new.name);
    new.searched := crm_searched(new.name_folded, new.attributes);
    new.tasks_digest := crm_digest(tasks);
    return new;
end $$;

-- Writes those tasks of a record that differ from what the table has: there may be a thousand, of which most changes
-- touch one. To read the earlier document, too, would take three times as long.
create function crm_keep_tasks(record uuid, resource text, responsible bigint, tasks json) returns void
    language plpgsql as $$
declare
    gone uuid[];
    changed text[];
begin
    select array_agg(item) filter (where value is null), array_agg(value) filter (where item is null)
    into gone, changed
    from (select item, task from task where task.record = $1) as old
    full join json_array_elements_text(tasks) as new (value) on task = value;
    delete from task where task.record = $1 and item = any(gone);
    insert into task (record, item, resource, responsible, user_id, due, completed, task)
    select $1, id, $2, $3, user_id, coalesce(date, 'infinity'), coalesce(completed, false), value
    from unnest(changed) as new (value)
    cross join json_to_record(value::json) as d (id uuid, date date, completed boolean, user_id bigint);
end $$;

create function crm_tasks() returns trigger language plpgsql as $$
begin
    perform crm_keep_tasks(new.id, tg_table_name, null, new.document -> 'list_of_tasks');
    return null;
end $$;

create function crm_lead_tasks() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' and new.responsible is distinct from old.responsible then
        update task set responsible = new.responsible where record = new.id;
    end if;
    if tg_op = 'INSERT' or new.tasks_digest is distinct from old.tasks_digest then
        perform crm_keep_tasks(new.id, tg_table_name, new.responsible, new.document -> 'list_of_tasks');
    end if;
    return null;
end $$;

create function crm_tasks_gone() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        delete from task where record = old.id;
    else
        delete from task where resource = tg_table_name;
    end if;
    return null;
end $$;

do $$
declare
    resource text;
    writer text;
    moved text;
begin
    foreach resource in array array['client', 'service', 'lead'] loop
        writer := case resource when 'lead' then 'crm_lead_tasks' else 'crm_tasks' end;
        moved := case resource when 'lead' then ' or old.responsible is distinct from new.responsible' else '' end;
        execute format(
            'create trigger %1$s_tasks after insert on %1$I for each row '
            'when (new.tasks_digest <> '''') execute function %2$I()', resource, writer);
        execute format(
            'create trigger %1$s_tasks_changed after update on %1$I for each row '
            'when (old.tasks_digest is distinct from new.tasks_digest%3$s) execute function %2$I()',
            resource, writer, moved);
        execute format(
            'create trigger %1$s_tasks_gone after delete on %1$I for each row '
            'when (old.tasks_digest is distinct from '''') execute function crm_tasks_gone()', resource);
        execute format(
            'create trigger %1$s_tasks_emptied after truncate on %1$I execute function crm_tasks_gone()', resource);
        execute format($fill$
            insert into task (record, item, resource, responsible, user_id, due, completed, task)
            select stored.id, d.id, %1$L, %2$s, user_id, coalesce(date, 'infinity'), coalesce(completed, false), value::text
            from %1$I as stored
            cross join json_array_elements(stored.document -> 'list_of_tasks') as tasks
            cross join json_to_record(value) as d (id uuid, date date, completed boolean, user_id bigint)
            on conflict do nothing
            $fill$, resource, case resource when 'lead' then 'responsible' else 'null' end);
    end loop;
end $$;

-- Each way of asking is one range of one index, in the order of the agenda.
create index task_due on task (resource, completed, due, item, record);
create index task_user_id on task (resource, completed, user_id, due, item, record);
create index task_responsible on task (resource, completed, responsible, due, item, record)
    where responsible is not null;
analyze task;

-- Calendars: secrets by which a user's tasks are read, as hashes (decision 139).
create table calendar (
    id uuid primary key,
    hash bytea not null unique check (length(hash) = 32),
    user_id bigint not null references app_user (id) on delete cascade,
    prefix text not null,
    name text not null,
    created_at timestamptz not null default now(),
    last_used_at timestamptz not null default now()
);
create index calendar_user on calendar (user_id);
