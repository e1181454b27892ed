using System.Reflection;
using System.Runtime.CompilerServices;

namespace DurableGateway.Client.Tests.Api;

/// <summary>C# declarations of types and members, without namespaces.</summary>
internal static class Signatures
{
    private static readonly Dictionary<Type, string> Keywords = new()
    {
        [typeof(void)] = "void",
        [typeof(string)] = "string",
        [typeof(object)] = "object",
        [typeof(bool)] = "bool",
        [typeof(byte)] = "byte",
        [typeof(int)] = "int",
        [typeof(long)] = "long",
    };

    public static string Of(Type type) => type switch
    {
        { IsEnum: true } => $"enum {Name(type)}",
        { IsInterface: true } => $"interface {Name(type)}",
        { IsValueType: true } => $"struct {Name(type)}",
        { IsAbstract: true, IsSealed: true } => $"static class {Name(type)}",
        _ => $"{(type.IsSealed ? "sealed " : type.IsAbstract ? "abstract " : "")}class {Name(type)}"
            + (type.BaseType is { } parent && parent != typeof(object) ? $" : {Name(parent)}" : ""),
    };

    public static string Of(ConstructorInfo constructor) =>
        $"{Access(constructor)}{Name(constructor.DeclaringType!)}({Parameters(constructor)})";

    public static string Of(MethodInfo method)
    {
        var generic = method.IsGenericMethod ? $"<{string.Join(", ", method.GetGenericArguments().Select(Name))}>" : "";
        var returned = Name(new NullabilityInfoContext().Create(method.ReturnParameter));
        return $"{Access(method)}{(method.IsStatic ? "static " : "")}{returned} {method.Name}{generic}({Parameters(method)})";
    }

    public static string Of(PropertyInfo property)
    {
        var set = property.SetMethod is not { IsPublic: true } setter ? ""
            : setter.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) ? " init;" : " set;";
        var type = Name(new NullabilityInfoContext().Create(property));
        return $"{(property.GetMethod is { IsStatic: true } ? "static " : "")}{type} {property.Name} {{ get;{set} }}";
    }

    public static string Of(FieldInfo field) =>
        (field.IsLiteral ? "const " : field.IsStatic ? "static readonly " : "")
        + $"{Name(new NullabilityInfoContext().Create(field))} {field.Name}"
        + (field.IsLiteral ? $" = {Literal(field.GetRawConstantValue())}" : "");

    public static string Name(Type type)
    {
        if (Nullable.GetUnderlyingType(type) is { } value) return Name(value) + "?";
        if (type.IsArray) return Name(type.GetElementType()!) + "[]";
        if (Keywords.TryGetValue(type, out var keyword)) return keyword;
        return type.IsGenericType ? $"{type.Name.Split('`')[0]}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>" : type.Name;
    }

    private static string Name(NullabilityInfo info)
    {
        var type = info.Type;
        if (Nullable.GetUnderlyingType(type) is not null) return Name(type);
        var name = type.IsArray ? Name(info.ElementType!) + "[]"
            : type.IsGenericType ? $"{type.Name.Split('`')[0]}<{string.Join(", ", info.GenericTypeArguments.Select(Name))}>"
            : Name(type);
        return info.ReadState == NullabilityState.Nullable && !type.IsValueType && !type.IsGenericParameter ? name + "?" : name;
    }

    private static string Access(MethodBase method) => method.IsFamily ? "protected " : "";

    private static string Parameters(MethodBase method)
    {
        var names = method.GetParameters().Select(parameter =>
            $"{Name(new NullabilityInfoContext().Create(parameter))} {parameter.Name}"
            + (parameter.HasDefaultValue ? $" = {Default(parameter)}" : ""));
        return (method.IsDefined(typeof(ExtensionAttribute), false) ? "this " : "") + string.Join(", ", names);
    }

    private static string Default(ParameterInfo parameter) =>
        parameter.DefaultValue is null && parameter.ParameterType.IsValueType && Nullable.GetUnderlyingType(parameter.ParameterType) is null
            ? "default"
            : Literal(parameter.DefaultValue);

    private static string Literal(object? value) => value switch
    {
        null => "null",
        string text => $"\"{text}\"",
        bool truth => truth ? "true" : "false",
        _ => FormattableString.Invariant($"{value}"),
    };
}
