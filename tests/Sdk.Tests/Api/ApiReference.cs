using System.Reflection;
using System.Text;
using System.Xml.Linq;

namespace DurableGateway.Client.Tests.Api;

/// <summary>The reference page of the public API, from the assemblies and their doc comments.</summary>
internal sealed class ApiReference
{
    private const BindingFlags Declared = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance
        | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private readonly StringBuilder _page = new();
    private readonly List<string> _undescribed = [];
    private readonly Dictionary<string, XElement> _comments;

    private (Type? Type, string Member) _heading;

    private ApiReference(Assembly[] assemblies)
    {
        _comments = assemblies.SelectMany(assembly => XDocument.Load(Path.ChangeExtension(assembly.Location, ".xml")).Descendants("member"))
            .ToDictionary(member => member.Attribute("name")!.Value);
        _page.Append("# API of the .NET SDK\n\nMade of the doc comments: `DURABLE_TESTS_WRITE=api dotnet test tests/Sdk.Tests "
            + "--filter ApiReferenceTests`.\n")
            .Append("How to use it is told in the [README](README.md).\n");
        foreach (var assembly in assemblies)
        {
            _page.Append(Text($"\n## {assembly.GetName().Name}\n"));
            foreach (var type in assembly.GetExportedTypes().OrderBy(type => type.FullName, StringComparer.Ordinal)) Add(type);
        }
    }

    public string Page => _page.ToString();

    /// <summary>The ids of public types and members without a summary.</summary>
    public IReadOnlyList<string> Undescribed => _undescribed;

    public static ApiReference Of(params Assembly[] assemblies) => new(assemblies);

    private void Add(Type type)
    {
        _page.Append(Text($"\n### {Signatures.Name(type)}\n\n`{Signatures.Of(type)}`, in `{type.Namespace}`.\n"));
        Describe(DocIds.Of(type));
        if (type.IsEnum)
        {
            _page.Append("\n| value | |\n|---|---|\n");
            foreach (var field in type.GetFields(BindingFlags.Public | BindingFlags.Static))
                _page.Append(Text($"| `{field.Name}` | {Summary(DocIds.Of(field))} |\n"));
            return;
        }

        foreach (var constructor in type.GetConstructors(Declared).Where(IsVisible))
            Add(constructor, Signatures.Of(constructor), described: constructor.GetParameters().Length > 0);
        foreach (var property in type.GetProperties(Declared).Where(property => IsVisible(property.GetMethod ?? property.SetMethod))
            .OrderBy(property => property.Name, StringComparer.Ordinal))
            Add(property, Signatures.Of(property));
        foreach (var field in type.GetFields(Declared).Where(field => field.IsPublic).OrderBy(field => field.Name, StringComparer.Ordinal))
            Add(field, Signatures.Of(field));
        foreach (var method in type.GetMethods(Declared)
            .Where(method => !method.IsSpecialName && IsVisible(method) && method.GetBaseDefinition() == method)
            .OrderBy(method => method.Name, StringComparer.Ordinal).ThenBy(Signatures.Of, StringComparer.Ordinal))
            Add(method, Signatures.Of(method), described: method.Name != nameof(IDisposable.Dispose));
    }

    private static bool IsVisible(MethodBase? method) => method is { IsPublic: true } or { IsFamily: true };

    private void Add(MemberInfo member, string signature, bool described = true)
    {
        var id = DocIds.Of(member);
        var heading = member is ConstructorInfo ? Signatures.Name(member.DeclaringType!) : member.Name;
        if (_heading != (member.DeclaringType, heading)) _page.Append(Text($"\n#### {heading}\n"));
        _heading = (member.DeclaringType, heading);
        _page.Append(Text($"\n```csharp\n{signature}\n```\n"));
        Describe(id, described);
    }

    private void Describe(string id, bool described = true)
    {
        if (!_comments.TryGetValue(id, out var comment))
        {
            if (described) _undescribed.Add(id);
            return;
        }

        if (comment.Element("inheritdoc") is null && Summary(id).Length == 0) _undescribed.Add(id);
        foreach (var part in comment.Elements())
        {
            var text = Markdown(part);
            _page.Append(part.Name.LocalName switch
            {
                "summary" or "remarks" => $"\n{text}\n",
                "param" or "typeparam" => "",
                "returns" => $"\nReturns: {text}\n",
                "value" => $"\nValue: {text}\n",
                "exception" => $"\nThrows `{Short(part.Attribute("cref")!.Value)}`: {text}\n",
                "example" => $"\n{text}\n",
                _ => "",
            });
        }

        var parameters = comment.Elements().Where(part => part.Name.LocalName is "param" or "typeparam").ToList();
        if (parameters.Count == 0) return;
        _page.Append("\n| | |\n|---|---|\n");
        foreach (var parameter in parameters) _page.Append(Text($"| `{parameter.Attribute("name")!.Value}` | {Markdown(parameter)} |\n"));
    }

    private string Summary(string id) => _comments.GetValueOrDefault(id)?.Element("summary") is { } summary ? Markdown(summary) : "";

    private static string Markdown(XElement element)
    {
        var text = new StringBuilder();
        foreach (var node in element.Nodes())
        {
            text.Append(node switch
            {
                XText plain => plain.Value,
                XElement { Name.LocalName: "see" or "seealso" } see =>
                    $"`{Short((see.Attribute("cref") ?? see.Attribute("langword") ?? see.Attribute("href"))!.Value)}`",
                XElement { Name.LocalName: "paramref" or "typeparamref" } name => $"`{name.Attribute("name")!.Value}`",
                XElement { Name.LocalName: "c" } code => $"`{code.Value}`",
                // A mark that is not white space preserves the line breaks.
                XElement { Name.LocalName: "code" } code => $"\u0001```csharp\u0002{Unindented(code.Value)}\u0002```\u0001",
                XElement { Name.LocalName: "para" } paragraph => $"\u0001{Markdown(paragraph)}\u0001",
                XElement other => Markdown(other),
                _ => "",
            });
        }

        var joined = string.Join(' ', text.ToString().Split([' ', '\n', '\r', '\t'], StringSplitOptions.RemoveEmptyEntries));
        var paragraphs = joined.Split('\u0001', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return string.Join("\n\n", paragraphs).Replace('\u0002', '\n').Replace('\u0003', ' ');
    }

    private static string Unindented(string code)
    {
        var lines = code.Trim('\r', '\n').TrimEnd().Split('\n');
        var indent = lines.Where(line => line.Trim().Length > 0).Min(line => line.Length - line.TrimStart().Length);
        return string.Join('\u0002', lines.Select(line => (line.Length > indent ? line[indent..] : "").Replace(' ', '\u0003')));
    }

    /// <summary>The visible text of a reference: the name, with the type for a member.</summary>
    private static string Short(string reference)
    {
        if (reference.Length < 2 || reference[1] != ':') return reference;
        var name = reference[2..].Split('(')[0];
        var parts = name.Split('.');
        var last = reference[0] == 'T' ? parts[^1] : $"{parts[^2]}.{parts[^1]}";
        return last.Split('`')[0];
    }

    private static string Text(FormattableString text) => FormattableString.Invariant(text);
}
