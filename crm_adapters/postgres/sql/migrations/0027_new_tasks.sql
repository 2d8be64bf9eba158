-- The table of tasks with less work for each write: two fifths of what a create with a task cost PostgreSQL were spent
-- here.

-- As in 0021, but a statement that has nothing to delete or to insert is not run.
create or replace function crm_keep_tasks(record uuid, resource text, responsible bigint, tasks json) returns void
    language plpgsql as $$
declare
    gone uuid[];
    changed text[];
begin
    select array_agg(item) filter (where value is null), array_agg(value) filter (where item is null)
    into gone, changed
    from (select item, task from task where task.record = $1) as old
    full join json_array_elements_text(tasks) as new (value) on task = value;
    if gone is not null then
        delete from task where task.record = $1 and item = any(gone);
    end if;
    if changed is not null then
        insert into task (record, item, resource, responsible, user_id, due, completed, task)
        select $1, id, $2, $3, user_id, coalesce(date, 'infinity'), coalesce(completed, false), value
        from unnest(changed) as new (value)
        cross join json_to_record(value::json) as d (id uuid, date date, completed boolean, user_id bigint);
    end if;
end $$;

-- The list of a new record is parsed as a whole: `json_to_record` takes some microseconds to begin with each task.
create function crm_add_tasks(record uuid, resource text, responsible bigint, tasks json) returns void
    language plpgsql as $$
begin
    insert into task (record, item, resource, responsible, user_id, due, completed, task)
    select $1, id, $2, $3, user_id, coalesce(date, 'infinity'), coalesce(completed, false), value
    from rows from (
        json_array_elements_text(tasks),
        json_to_recordset(tasks) as (id uuid, date date, completed boolean, user_id bigint)
    ) as new (value, id, date, completed, user_id);
end $$;

-- A new record has no tasks in the table yet, so nothing is compared.
create or replace function crm_tasks() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        perform crm_add_tasks(new.id, tg_table_name, null, new.document -> 'list_of_tasks');
    else
        perform crm_keep_tasks(new.id, tg_table_name, null, new.document -> 'list_of_tasks');
    end if;
    return null;
end $$;

create or replace function crm_lead_tasks() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        perform crm_add_tasks(new.id, tg_table_name, new.responsible, new.document -> 'list_of_tasks');
        return null;
    end if;
    if new.responsible is distinct from old.responsible then
        update task set responsible = new.responsible where record = new.id;
    end if;
    if new.tasks_digest is distinct from old.tasks_digest then
        perform crm_keep_tasks(new.id, tg_table_name, new.responsible, new.document -> 'list_of_tasks');
    end if;
    return null;
end $$;
