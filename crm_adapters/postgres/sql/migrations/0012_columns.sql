-- Columns by a trigger that reads the document once. Each generated column read it from the beginning, which for a
-- record with a thousand tasks was two thirds of the time of a write.

-- The columns keep what they have, so no table is rewritten; `size` reads no JSON and stays generated.
do $$
declare
    derived record;
begin
    for derived in
        select attrelid::regclass as relation, attname as name from pg_attribute
        where attgenerated = 's' and attname <> 'size' and attrelid = any(array[
            'attribute', 'webhook', 'client', 'cohort', 'service', 'pipeline', 'lead', 'follow_up', 'enrollment',
            'enrollment_detail', 'transfer_request']::regclass[])
    loop
        execute format('alter table %s alter column %I drop expression', derived.relation, derived.name);
    end loop;
    for derived in
        select conrelid::regclass as relation, conname as name from pg_constraint
        where contype = 'c' and pg_get_constraintdef(oid) like '%document ->> ''id''%'
    loop
        execute format('alter table %s drop constraint %I', derived.relation, derived.name);
    end loop;
end $$;

-- As in 0005, but planned once per session, not once per transaction.
create or replace function crm_searched(own text, attributes jsonb) returns text
    language plpgsql immutable parallel safe as $$
declare
    item jsonb;
begin
    for item in select jsonb_path_query(attributes, '$.*[*] ? (@.type() == "string")') loop
        own := own || E'\n' || crm_fold(item #>> '{}');
    end loop;
    return own;
end $$;

-- Whatever a statement sets them to, the columns are what the document says. A document with another id than its row
-- leaves them null, which the constraints refuse.

create function attribute_columns() returns trigger language plpgsql as $$
begin
    select entity, name, label, type, is_required, is_indexed, updated_at
    into new.entity, new.name, new.label, new.type, new.is_required, new.is_indexed, new.updated_at
    from json_to_record(new.document) as d (
        id text, entity text, name text, label text, type text, is_required boolean, is_indexed boolean, updated_at
        timestamptz)
    where d.id = new.id::text;
    new.name_folded := crm_fold(new.name);
    new.label_folded := crm_fold(new.label);
    new.searched := crm_searched(new.name_folded || E'\n' || new.label_folded, null);
    return new;
end $$;
create trigger attribute_columns before insert or update on attribute
    for each row execute function attribute_columns();

create function webhook_columns() returns trigger language plpgsql as $$
begin
    select name, model, is_active, created_by, updated_at
    into new.name, new.model, new.is_active, new.created_by, new.updated_at
    from json_to_record(new.document) as d (
        id text, name text, model text, is_active boolean, created_by bigint, updated_at timestamptz)
    where d.id = new.id::text;
    new.name_folded := crm_fold(new.name);
    new.searched := crm_searched(new.name_folded, null);
    return new;
end $$;
create trigger webhook_columns before insert or update on webhook
    for each row execute function webhook_columns();

create function client_columns() returns trigger language plpgsql as $$
begin
    select name, attributes, created_at, created_by, updated_at
    into new.name, new.attributes, new.created_at, new.created_by, new.updated_at
    from json_to_record(new.document) as d (
        id text, name text, attributes jsonb, created_at timestamptz, created_by bigint, updated_at timestamptz)
    where d.id = new.id::text;
    new.name_folded := crm_fold(new.name);
    new.searched := crm_searched(new.name_folded, new.attributes);
    return new;
end $$;
create trigger client_columns before insert or update on client
    for each row execute function client_columns();

create function cohort_columns() returns trigger language plpgsql as $$
begin
    select name_cohort, start_date, end_date, instructor, updated_at
    into new.name_cohort, new.start_date, new.end_date, new.instructor, new.updated_at
    from json_to_record(new.document) as d (
        id text, name_cohort text, start_date date, end_date date, instructor bigint, updated_at timestamptz)
    where d.id = new.id::text;
    new.name_cohort_folded := crm_fold(new.name_cohort);
    new.searched := crm_searched(new.name_cohort_folded, null);
    return new;
end $$;
create trigger cohort_columns before insert or update on cohort
    for each row execute function cohort_columns();

create function service_columns() returns trigger language plpgsql as $$
begin
    select name, client, actual_cohort, origin_cohort, attributes, created_at, updated_at
    into new.name, new.client, new.actual_cohort, new.origin_cohort, new.attributes, new.created_at, new.updated_at
    from json_to_record(new.document) as d (
        id text, name text, client uuid, actual_cohort uuid, origin_cohort uuid, attributes jsonb, created_at
        timestamptz, updated_at timestamptz)
    where d.id = new.id::text;
    new.name_folded := crm_fold(new.name);
    new.searched := crm_searched(new.name_folded, new.attributes);
    return new;
end $$;
create trigger service_columns before insert or update on service
    for each row execute function service_columns();

create function pipeline_columns() returns trigger language plpgsql as $$
begin
    select name, updated_at
    into new.name, new.updated_at
    from json_to_record(new.document) as d (
        id text, name text, updated_at timestamptz)
    where d.id = new.id::text;
    new.name_folded := crm_fold(new.name);
    new.searched := crm_searched(new.name_folded, null);
    return new;
end $$;
create trigger pipeline_columns before insert or update on pipeline
    for each row execute function pipeline_columns();

create function lead_columns() returns trigger language plpgsql as $$
begin
    select name, responsible, pipeline, possible_client, stage, attributes, created_at, updated_at
    into new.name, new.responsible, new.pipeline, new.possible_client, new.stage, new.attributes, new.created_at,
        new.updated_at
    from json_to_record(new.document) as d (
        id text, name text, responsible bigint, pipeline uuid, possible_client uuid, stage text, attributes jsonb,
        created_at timestamptz, updated_at timestamptz)
    where d.id = new.id::text;
    new.name_folded := crm_fold(new.name);
    new.searched := crm_searched(new.name_folded, new.attributes);
    return new;
end $$;
create trigger lead_columns before insert or update on lead
    for each row execute function lead_columns();

create function follow_up_columns() returns trigger language plpgsql as $$
declare
    comment text;
begin
    select service, attributes, follow_up_date, created_at, d.comment, updated_at
    into new.service, new.attributes, new.follow_up_date, new.created_at, comment, new.updated_at
    from json_to_record(new.document) as d (
        id text, service uuid, attributes jsonb, follow_up_date timestamptz, created_at timestamptz, comment text,
        updated_at timestamptz)
    where d.id = new.id::text;
    new.searched := crm_searched(crm_fold(coalesce(comment, '')), new.attributes);
    return new;
end $$;
create trigger follow_up_columns before insert or update on follow_up
    for each row execute function follow_up_columns();

create function enrollment_columns() returns trigger language plpgsql as $$
begin
    select cohort, instructor, pathway_name, updated_at
    into new.cohort, new.instructor, new.pathway_name, new.updated_at
    from json_to_record(new.document) as d (
        id text, cohort uuid, instructor bigint, pathway_name text, updated_at timestamptz)
    where d.id = new.id::text;
    new.pathway_name_folded := crm_fold(new.pathway_name);
    new.searched := crm_searched(new.pathway_name_folded, null);
    return new;
end $$;
create trigger enrollment_columns before insert or update on enrollment
    for each row execute function enrollment_columns();

create function enrollment_detail_columns() returns trigger language plpgsql as $$
begin
    select enrollment, student, updated_at
    into new.enrollment, new.student, new.updated_at
    from json_to_record(new.document) as d (
        id text, enrollment uuid, student uuid, updated_at timestamptz)
    where d.id = new.id::text;
    return new;
end $$;
create trigger enrollment_detail_columns before insert or update on enrollment_detail
    for each row execute function enrollment_detail_columns();

create function transfer_request_columns() returns trigger language plpgsql as $$
begin
    select student, student_name, cohort_request, possible_transfer_date, updated_at
    into new.student, new.student_name, new.cohort_request, new.possible_transfer_date, new.updated_at
    from json_to_record(new.document) as d (
        id text, student uuid, student_name text, cohort_request text, possible_transfer_date date, updated_at
        timestamptz)
    where d.id = new.id::text;
    new.student_name_folded := crm_fold(new.student_name);
    new.cohort_request_folded := crm_fold(new.cohort_request);
    new.searched := crm_searched(new.student_name_folded || E'\n' || new.cohort_request_folded, null);
    return new;
end $$;
create trigger transfer_request_columns before insert or update on transfer_request
    for each row execute function transfer_request_columns();
