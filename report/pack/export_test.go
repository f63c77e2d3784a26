package pack

// Conditions are those of the rules, and of what raises them, as SQL.
func (l *Library) Conditions(params map[string]any) (map[string]Statement, error) {
	values, err := l.Values(params)
	if err != nil {
		return nil, err
	}
	b := &planner{lib: l, values: values}
	conditions := map[string]Statement{}
	for _, r := range l.Rules {
		texts := map[string]Text{r.ID.Value: r.Where}
		for _, raise := range r.Raise {
			texts[r.ID.Value+" to "+raise.To.String()] = raise.Where
		}
		for name, t := range texts {
			if t.Value == "" {
				continue
			}
			e, err := b.expand(t)
			if err != nil {
				return nil, err
			}
			conditions[name] = Statement{e.sql, e.params}
		}
	}
	return conditions, nil
}

// Conjuncts are the parts of a condition; simple ones have a ! before them.
func Conjuncts(condition string) []string {
	var list []string
	for _, c := range conjuncts(condition) {
		if c.simple {
			c.text = "!" + c.text
		}
		list = append(list, c.text)
	}
	return list
}
