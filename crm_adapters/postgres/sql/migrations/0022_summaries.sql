-- States of transfer requests (decision 150). Those that are stored are open, and have a new version, as an ETag stands
-- for the same bytes for ever.
alter table transfer_request
    add column state text not null default 'open' check (state in ('open', 'accepted', 'declined')),
    add column decided_at timestamptz;

create or replace function transfer_request_columns() returns trigger language plpgsql as $$
begin
    select student, student_name, cohort_request, possible_transfer_date, state, decided_at, updated_at
    into new.student, new.student_name, new.cohort_request, new.possible_transfer_date, new.state, new.decided_at,
        new.updated_at
    from json_to_record(new.document) as d (
        id text, student uuid, student_name text, cohort_request text, possible_transfer_date date, state text,
        decided_at timestamptz, updated_at timestamptz)
    where d.id = new.id::text;
    new.student_name_folded := crm_fold(new.student_name);
    new.cohort_request_folded := crm_fold(new.cohort_request);
    new.searched := crm_searched(new.student_name_folded || E'\n' || new.cohort_request_folded, null);
    return new;
end $$;

update transfer_request
set version = version + 1, document = (
    select '{' || string_agg(
        case when key = 'updated_at' then '"state":"open","decided_at":null,"decided_by":null,' else '' end
            || to_json(key)::text || ':' || value::text,
        ',' order by place) || '}'
    from json_each(document) with ordinality as members (key, value, place)
)::json
where document -> 'state' is null;

create index transfer_request_state on transfer_request (state, id);
