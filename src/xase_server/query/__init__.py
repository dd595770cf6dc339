"""The query language: JSON to typed nodes, and the plain evaluators that define what the nodes mean.

`parse` turns filters, sorts, projections and pipelines into nodes whose paths exist in a schema; `match`
and `aggregate` evaluate nodes on rows. Engines run the same nodes faster and must give the same answers.
"""
