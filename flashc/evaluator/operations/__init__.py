"""Operations on values: operators, comparisons, containers and iteration, without any syntax."""
