-- Attributes that can be renamed (decisions 128 to 131): their documents have the names that they had before, and the
-- one that they are given in the background. A new version, as an ETag stands for the same bytes for ever.
update attribute
set version = version + 1, document = (
    select '{' || string_agg(
        to_json(key)::text || ':' || value::text
            || case when key = 'is_unique' then ',"former_names":[],"renaming_to":null' else '' end,
        ',' order by place) || '}'
    from json_each(document) with ordinality as members (key, value, place)
)::json
where document -> 'former_names' is null;
