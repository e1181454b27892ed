using System.Text;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Proxy;

/// <summary>The <c>Durable-Steps</c> field (§2): stored outcomes as a List, oldest first, within a budget.</summary>
internal static class StepsHeader
{
    private const string Json = "application/json";

    public static string Format(IReadOnlyList<StepOutcome> steps, int budget)
    {
        var list = new StringBuilder();
        foreach (var step in steps)
        {
            var type = step.Failed ? Problem.ContentType : Json;
            if (StepOutcome.IsCall(step) || !StructuredFields.IsString(step.Id) || !StructuredFields.IsString(step.ContentType)) continue;
            var start = list.Length;
            if (start > 0) list.Append(", ");
            list.AppendString(step.Id).Append(step.Failed ? ";err=" : ";ok=").AppendBytes(step.Body.Span);
            if (step.ContentType != type) list.Append(";ct=").AppendString(step.ContentType);

            if (step.Type != "run") list.Append(";t=").Append(step.Type);

            // An outcome that does not fit is left out. A later, smaller one may still fit.
            if (list.Length > budget) list.Length = start;
        }

        return list.ToString();
    }
}
