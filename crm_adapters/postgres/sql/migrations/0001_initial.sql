-- A record is stored as its document; every other column is generated from it, so they always agree.
-- Constraints are the last line of defence: the core finds the same mistakes first and reports them as problems.

create extension if not exists pg_trgm;

-- Casts of text to date and time depend on session settings, so generated columns cannot use them. These functions
-- parse the one ISO form that documents use, and are immutable.

create function crm_day(iso text) returns date
    language sql immutable strict parallel safe
    return make_date(left(iso, 4)::int, substr(iso, 6, 2)::int, substr(iso, 9, 2)::int);

create function crm_moment(iso text) returns timestamptz
    language sql immutable strict parallel safe
    return timezone('UTC', make_timestamp(
        left(iso, 4)::int, substr(iso, 6, 2)::int, substr(iso, 9, 2)::int,
        substr(iso, 12, 2)::int, substr(iso, 15, 2)::int, rtrim(substr(iso, 18), 'Z')::double precision));

-- The text that ?search= searches: fields of the record, and every text among its attributes.
create function crm_searched(own text, attributes jsonb) returns text
    language sql immutable parallel safe
    return lower(own) || coalesce((
        select string_agg(E'\n' || lower(found #>> '{}'), '')
        from jsonb_path_query(attributes, '$.*[*] ? (@.type() == "string")') as found), '');

-- The value of an attribute if it has the given type: an earlier definition may have left a value of another type.
create function crm_number(attributes jsonb, name text) returns numeric
    language sql immutable strict parallel safe
    return case when jsonb_typeof(attributes -> name) = 'number' then (attributes ->> name)::numeric end;

create function crm_text(attributes jsonb, name text) returns text
    language sql immutable strict parallel safe
    return case when jsonb_typeof(attributes -> name) = 'string' then attributes ->> name end;

-- Accounts

create table app_user (
    id bigint generated always as identity primary key,
    username text not null unique check (length(username) between 1 and 150),
    first_name text not null default '',
    last_name text not null default '',
    email text not null default '',
    password_hash text not null,
    is_active boolean not null default true,
    is_superuser boolean not null default false,
    created_at timestamptz not null default now()
);

create table app_group (name text primary key check (length(name) between 1 and 150));

create table group_permission (
    group_name text not null references app_group (name) on delete cascade,
    permission text not null,
    primary key (group_name, permission)
);

create table membership (
    user_id bigint not null references app_user (id) on delete cascade,
    group_name text not null references app_group (name) on delete cascade,
    primary key (user_id, group_name)
);
create index membership_group on membership (group_name);

create table token (
    hash bytea primary key check (length(hash) = 32),
    user_id bigint not null references app_user (id) on delete cascade,
    prefix text not null,
    created_at timestamptz not null default now(),
    last_used_at timestamptz not null default now()
);
create index token_user on token (user_id);

create table failed_login (
    key text primary key,
    count integer not null,
    latest timestamptz not null
);

-- Catalogs: one version for the definitions and webhooks of each entity. Triggers increment it with every change.

create table catalog (
    entity text primary key,
    version integer not null default 1
);
insert into catalog (entity) values ('client'), ('service'), ('lead'), ('follow_up');

create table attribute (
    id uuid primary key,
    version integer not null check (version > 0),
    document json not null,
    size integer not null generated always as (octet_length(document::text)) stored,
    entity text not null generated always as (document ->> 'entity') stored references catalog (entity),
    name text not null generated always as (document ->> 'name') stored check (length(name) between 1 and 100),
    label text not null generated always as (document ->> 'label') stored check (length(label) between 1 and 255),
    type text not null generated always as (document ->> 'type') stored
        check (type in ('text', 'number', 'date', 'boolean', 'list', 'file')),
    is_required boolean not null generated always as ((document ->> 'is_required')::boolean) stored,
    is_indexed boolean not null generated always as ((document ->> 'is_indexed')::boolean) stored,
    searched text not null generated always as (crm_searched((document ->> 'name') || E'\n' || (document ->> 'label'), null)) stored,
    check ((document ->> 'id')::uuid = id),
    unique (entity, name)
);
create index attribute_label on attribute (label collate "C", id);
create index attribute_name on attribute (name collate "C", id);
create index attribute_type on attribute (type, id);

create table webhook (
    id uuid primary key,
    version integer not null check (version > 0),
    document json not null,
    size integer not null generated always as (octet_length(document::text)) stored,
    name text not null generated always as (document ->> 'name') stored check (length(name) between 1 and 255),
    model text not null generated always as (document ->> 'model') stored
        check (model in ('Lead', 'Client', 'Service', 'FollowUp')),
    is_active boolean not null generated always as ((document ->> 'is_active')::boolean) stored,
    searched text not null generated always as (crm_searched(document ->> 'name', null)) stored,
    check ((document ->> 'id')::uuid = id)
);
create index webhook_name on webhook (name collate "C", id);
create index webhook_model on webhook (model, is_active, id);

create function crm_move_catalog() returns trigger language plpgsql as $$
begin
    update catalog set version = version + 1
    where entity in (
        case tg_table_name when 'attribute' then to_jsonb(old) ->> 'entity' else crm_model_entity(to_jsonb(old) ->> 'model') end,
        case tg_table_name when 'attribute' then to_jsonb(new) ->> 'entity' else crm_model_entity(to_jsonb(new) ->> 'model') end);
    return null;
end $$;

create function crm_model_entity(model text) returns text language sql immutable
    return case model when 'FollowUp' then 'follow_up' else lower(model) end;

create trigger attribute_catalog after insert or update or delete on attribute
    for each row execute function crm_move_catalog();
create trigger webhook_catalog after insert or update or delete on webhook
    for each row execute function crm_move_catalog();

-- Records

create table client (
    id uuid primary key,
    version integer not null check (version > 0),
    document json not null,
    size integer not null generated always as (octet_length(document::text)) stored,
    name text not null generated always as (document ->> 'name') stored check (length(name) between 1 and 255),
    attributes jsonb not null generated always as ((document -> 'attributes')::jsonb) stored
        check (jsonb_typeof(attributes) = 'object'),
    created_at timestamptz not null generated always as (crm_moment(document ->> 'created_at')) stored,
    created_by bigint generated always as ((document ->> 'created_by')::bigint) stored references app_user (id),
    searched text not null generated always as (crm_searched(document ->> 'name', (document -> 'attributes')::jsonb)) stored,
    check ((document ->> 'id')::uuid = id)
);
create index client_name on client (name collate "C", id);
create index client_name_part on client using gin (lower(name) gin_trgm_ops);
create index client_created_at on client (created_at, id);
create index client_created_by on client (created_by, id);
create index client_attributes on client using gin (attributes jsonb_path_ops);
create index client_searched on client using gin (searched gin_trgm_ops);

create table cohort (
    id uuid primary key,
    version integer not null check (version > 0),
    document json not null,
    size integer not null generated always as (octet_length(document::text)) stored,
    name_cohort text not null generated always as (document ->> 'name_cohort') stored
        check (length(name_cohort) between 1 and 255),
    start_date date generated always as (crm_day(document ->> 'start_date')) stored,
    end_date date generated always as (crm_day(document ->> 'end_date')) stored,
    instructor bigint generated always as ((document ->> 'instructor')::bigint) stored references app_user (id),
    searched text not null generated always as (crm_searched(document ->> 'name_cohort', null)) stored,
    check ((document ->> 'id')::uuid = id),
    check (end_date >= start_date)
);
create index cohort_name_cohort on cohort (name_cohort collate "C", id);
create index cohort_start_date on cohort (coalesce(start_date, '-infinity'), id);
create index cohort_end_date on cohort (coalesce(end_date, '-infinity'), id);
create index cohort_instructor on cohort (instructor, id);

create table service (
    id uuid primary key,
    version integer not null check (version > 0),
    document json not null,
    size integer not null generated always as (octet_length(document::text)) stored,
    name text not null generated always as (document ->> 'name') stored check (length(name) between 1 and 255),
    client uuid not null generated always as ((document ->> 'client')::uuid) stored references client (id),
    actual_cohort uuid generated always as ((document ->> 'actual_cohort')::uuid) stored references cohort (id),
    origin_cohort uuid generated always as ((document ->> 'origin_cohort')::uuid) stored references cohort (id),
    attributes jsonb not null generated always as ((document -> 'attributes')::jsonb) stored
        check (jsonb_typeof(attributes) = 'object'),
    created_at timestamptz not null generated always as (crm_moment(document ->> 'created_at')) stored,
    searched text not null generated always as (crm_searched(document ->> 'name', (document -> 'attributes')::jsonb)) stored,
    check ((document ->> 'id')::uuid = id)
);
create index service_name on service (name collate "C", id);
create index service_created_at on service (created_at, id);
create index service_client on service (client, id);
create index service_actual_cohort on service (actual_cohort, id);
create index service_origin_cohort on service (origin_cohort, id);
create index service_attributes on service using gin (attributes jsonb_path_ops);
create index service_searched on service using gin (searched gin_trgm_ops);

create table pipeline (
    id uuid primary key,
    version integer not null check (version > 0),
    document json not null,
    size integer not null generated always as (octet_length(document::text)) stored,
    name text not null generated always as (document ->> 'name') stored check (length(name) between 1 and 255),
    searched text not null generated always as (crm_searched(document ->> 'name', null)) stored,
    check ((document ->> 'id')::uuid = id)
);
create index pipeline_name on pipeline (name collate "C", id);

create table lead (
    id uuid primary key,
    version integer not null check (version > 0),
    document json not null,
    size integer not null generated always as (octet_length(document::text)) stored,
    name text not null generated always as (document ->> 'name') stored check (length(name) between 1 and 255),
    responsible bigint generated always as ((document ->> 'responsible')::bigint) stored references app_user (id),
    pipeline uuid generated always as ((document ->> 'pipeline')::uuid) stored references pipeline (id),
    possible_client uuid generated always as ((document ->> 'possible_client')::uuid) stored references client (id),
    stage text generated always as (document ->> 'stage') stored check (length(stage) <= 255),
    attributes jsonb not null generated always as ((document -> 'attributes')::jsonb) stored
        check (jsonb_typeof(attributes) = 'object'),
    created_at timestamptz not null generated always as (crm_moment(document ->> 'created_at')) stored,
    searched text not null generated always as (crm_searched(document ->> 'name', (document -> 'attributes')::jsonb)) stored,
    check ((document ->> 'id')::uuid = id)
);
create index lead_name on lead (name collate "C", id);
create index lead_created_at on lead (created_at, id);
create index lead_responsible on lead (responsible, id);
create index lead_pipeline on lead (pipeline, stage, id);
create index lead_possible_client on lead (possible_client, id);
create index lead_stage on lead (stage, responsible, id);
create index lead_attributes on lead using gin (attributes jsonb_path_ops);
create index lead_searched on lead using gin (searched gin_trgm_ops);

create table follow_up (
    id uuid primary key,
    version integer not null check (version > 0),
    document json not null,
    size integer not null generated always as (octet_length(document::text)) stored,
    service uuid not null generated always as ((document ->> 'service')::uuid) stored references service (id),
    attributes jsonb not null generated always as ((document -> 'attributes')::jsonb) stored
        check (jsonb_typeof(attributes) = 'object'),
    follow_up_date timestamptz not null generated always as (crm_moment(document ->> 'follow_up_date')) stored,
    created_at timestamptz not null generated always as (crm_moment(document ->> 'created_at')) stored,
    searched text not null generated always as (
        crm_searched(coalesce(document ->> 'comment', ''), (document -> 'attributes')::jsonb)) stored,
    check ((document ->> 'id')::uuid = id)
);
create index follow_up_service on follow_up (service, id);
create index follow_up_follow_up_date on follow_up (service, follow_up_date, id);
create index follow_up_created_at on follow_up (service, created_at, id);
create index follow_up_attributes on follow_up using gin (attributes jsonb_path_ops);
create index follow_up_searched on follow_up using gin (searched gin_trgm_ops);

create table enrollment (
    id uuid primary key,
    version integer not null check (version > 0),
    document json not null,
    size integer not null generated always as (octet_length(document::text)) stored,
    cohort uuid not null generated always as ((document ->> 'cohort')::uuid) stored references cohort (id),
    instructor bigint generated always as ((document ->> 'instructor')::bigint) stored references app_user (id),
    pathway_name text not null generated always as (document ->> 'pathway_name') stored
        check (length(pathway_name) between 1 and 255),
    searched text not null generated always as (crm_searched(document ->> 'pathway_name', null)) stored,
    check ((document ->> 'id')::uuid = id)
);
create index enrollment_cohort on enrollment (cohort, id);
create index enrollment_instructor on enrollment (instructor, id);
create index enrollment_pathway_name on enrollment (pathway_name collate "C", id);

create table enrollment_detail (
    id uuid primary key,
    version integer not null check (version > 0),
    document json not null,
    size integer not null generated always as (octet_length(document::text)) stored,
    enrollment uuid not null generated always as ((document ->> 'enrollment')::uuid) stored references enrollment (id),
    student uuid not null generated always as ((document ->> 'student')::uuid) stored references service (id),
    check ((document ->> 'id')::uuid = id),
    unique (enrollment, student)
);
create index enrollment_detail_enrollment on enrollment_detail (enrollment, id);
create index enrollment_detail_student on enrollment_detail (student, id);

create table transfer_request (
    id uuid primary key,
    version integer not null check (version > 0),
    document json not null,
    size integer not null generated always as (octet_length(document::text)) stored,
    student uuid not null generated always as ((document ->> 'student')::uuid) stored references service (id),
    student_name text not null generated always as (document ->> 'student_name') stored,
    cohort_request text not null generated always as (document ->> 'cohort_request') stored
        check (length(cohort_request) between 1 and 255),
    possible_transfer_date date generated always as (crm_day(document ->> 'possible_transfer_date')) stored,
    searched text not null generated always as (
        crm_searched((document ->> 'student_name') || E'\n' || (document ->> 'cohort_request'), null)) stored,
    check ((document ->> 'id')::uuid = id)
);
create index transfer_request_student on transfer_request (student, id);
create index transfer_request_student_name on transfer_request (student_name collate "C", id);
create index transfer_request_cohort_request on transfer_request (cohort_request collate "C", id);
create index transfer_request_date on transfer_request (coalesce(possible_transfer_date, '-infinity'), id);

-- Events, appended in the commit of each change. History, change feed and webhooks read them.

create table event (
    seq bigint generated always as identity primary key,
    resource text not null,
    record uuid not null,
    version integer not null check (version > 0),
    kind text not null check (kind in ('created', 'updated', 'deleted')),
    actor bigint references app_user (id),
    actor_name text not null,
    request_id text not null,
    at timestamptz not null,
    xid xid8 not null default pg_current_xact_id(),
    changes json not null,
    unique (record, version)
);
